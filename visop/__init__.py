"""visop: one class in, one production gRPC image-embedding operator out."""

from visop.contract import Encoder, OperatorInfo
from visop.errors import OperatorError

__all__ = ["Encoder", "OperatorError", "OperatorInfo", "__version__"]

__version__ = "0.1.0"
