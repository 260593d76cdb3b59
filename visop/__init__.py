"""visop: one class in, one production gRPC image-embedding operator out."""

from visop.contract import Encoder, Image, OperatorInfo, Vector
from visop.errors import VisopError
from visop.settings import Settings, load_settings

__all__ = ["Encoder", "Image", "OperatorInfo", "Settings", "Vector", "VisopError", "__version__", "load_settings"]

__version__ = "0.2.0"
