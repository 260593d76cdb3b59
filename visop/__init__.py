"""visop: one class in, one production gRPC image-embedding operator out."""

from visop.contract import Encoder, OperatorInfo
from visop.errors import VisopError

__all__ = ["Encoder", "OperatorInfo", "VisopError", "__version__"]

__version__ = "0.1.0"
