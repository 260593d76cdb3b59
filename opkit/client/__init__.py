"""A typed client of one operator. Needs gRPC and NumPy, nothing else.

with Client("127.0.0.1:50051") as client:
    vectors = client.encode(images=[path.read_bytes() for path in paths])
"""

from opkit.client.backoff import Backoff
from opkit.client.client import HEALTHY, Client, Identity, Limits
from opkit.errors import Unreachable

__all__ = ["HEALTHY", "Backoff", "Client", "Identity", "Limits", "Unreachable"]
