from __future__ import annotations

import pytest

from visop.errors import UsageError
from visop.web.engine.addresses import Place


@pytest.mark.parametrize(
    ("kind", "addr", "is_here"),
    [
        ("encoder", "10.0.0.7:50051", False),
        ("processor", "operator.local:80", False),
        ("encoder", "[::1]:50051", False),
        ("encoder", "visop:50051", False),  # a host of this name
        ("encoder", "visop", True),
        ("processor", "visop:regions:10", True),
        ("processor", "visop:faces", True),
    ],
)
def test_an_operator_runs_at_an_address_or_here(kind: str, addr: str, is_here: bool) -> None:
    place = Place.of(kind, addr)
    assert (place.is_here, str(place)) == (is_here, f"the {kind} {addr}")


@pytest.mark.parametrize(
    ("kind", "addr"),
    [
        ("market", "10.0.0.7:50051"),
        ("", "10.0.0.7:50051"),
        ("encoder", ""),
        ("encoder", "host"),
        ("encoder", ":50051"),
        ("encoder", "host:0"),
        ("encoder", "host:99999"),
        ("encoder", "psoperator/vgg16-encoder:latest"),
        ("encoder", "unix:/run/x.sock"),
        ("encoder", "dns:///host:1"),
        ("encoder", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("encoder", "ho st:1"),
        ("encoder", "host\n:1"),
        ("encoder", "user@host:1"),
        ("encoder", "visop:regions:10"),
        ("processor", "visop"),
        ("processor", "visop:"),
        ("processor", "visop:auto"),
        ("processor", "visop:faces:/etc/yunet.onnx"),
        ("processor", "visop:/models/ssd.safetensors"),
        ("processor", "visop:regions:10:pooled"),
    ],
)
def test_any_other_place_is_refused(kind: str, addr: str) -> None:
    with pytest.raises(UsageError):
        Place.of(kind, addr)
