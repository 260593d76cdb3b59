import pytest

from visop.errors import Overloaded
from visop.serving.admission import CallAdmission, InputAdmission
from visop.serving.peers import peer_of, peer_of_grpc


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("ipv4:10.0.0.7:50123", "10.0.0.7"),
        ("ipv6:%5B::1%5D:50123", "::/64"),
        ("ipv6:[2001:db8:1:2:3:4:5:6]:50123", "2001:db8:1:2::/64"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:1", "10.0.0.7"),
        ("unix:/tmp/socket", "unix:/tmp/socket"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_a_peer_is_an_address_without_its_port(text: str, peer: str) -> None:
    assert peer_of_grpc(text) == peer


def test_http_has_the_same_peers() -> None:
    assert peer_of("10.0.0.7") == "10.0.0.7"
    assert peer_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert peer_of("testclient") == "testclient"


def test_one_peer_leaves_an_eighth_of_the_inputs_to_others() -> None:
    admission = InputAdmission(16)
    admission.enter(10, peer="many")
    with pytest.raises(Overloaded, match="10 inputs are being served, nearly all from one address"):
        admission.enter(5, peer="many")
    admission.enter(4, peer="many")
    admission.enter(2, peer="few")
    with pytest.raises(Overloaded, match=r"the limit is 16 \(OP_MAX_QUEUE\)"):
        admission.enter(1, peer="third")
    admission.leave("many")
    admission.enter(1, peer="third")


def test_a_peer_that_holds_nothing_may_take_all() -> None:
    InputAdmission(16).enter(16, peer="one")


def test_one_peer_leaves_an_eighth_of_the_calls_to_others() -> None:
    calls = CallAdmission(8)
    held = [calls.entered(peer="many") for _ in range(7)]
    for each in held:
        each.__enter__()
    with pytest.raises(Overloaded, match="nearly all from one address"), calls.entered(peer="many"):
        pass
    with calls.entered(peer="few"), pytest.raises(Overloaded, match="which is the limit"), calls.entered(peer="third"):
        pass
    for each in held:
        each.__exit__(None, None, None)
    assert calls.accepted == 0
    with calls.entered(peer="many"):
        pass
