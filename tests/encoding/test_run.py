import pytest

from tests.stub_operator import DIMENSION, StubOperator, serving, vector_of
from visop.client import HEALTHY, Client
from visop.contract import OperatorInfo
from visop.encoding.run import encode_into
from visop.encoding.vector_file import Outputs, VectorFile
from visop.errors import ModelFailed, VisopError

OPERATOR = OperatorInfo("stub", "one", DIMENSION, "L2")


@pytest.fixture
def outputs(tmp_path):
    return Outputs(tmp_path / "v.npy", tmp_path / "v.errors.csv")


@pytest.fixture
def operator():
    return StubOperator()


@pytest.fixture
def client(operator):
    with serving(operator) as port, Client(f"127.0.0.1:{port}", timeout_s=20) as client:
        yield client


@pytest.fixture
def names(tmp_path):
    """Ten files, of which the second and the ninth are bad."""
    names = []
    for number in range(10):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(b"bad" if number in (1, 8) else b"%d" % number)
        names.append(str(path))
    return names


def encode(file, encoder, names):
    ticks = []
    encode_into(file, encoder, names, max_image_bytes=100, batch=2, on_done=lambda: ticks.append(1))
    return len(ticks)


def test_every_input_is_encoded_or_an_error(client, outputs, names):
    with VectorFile(outputs, OPERATOR) as file:
        assert encode(file, client, [*names, "missing.jpg", "http://gone"]) == 12
        assert (file.good, file.bad) == (8, 4)


def test_what_is_done_is_not_sent_again(client, operator, outputs, names):
    with VectorFile(outputs, OPERATOR) as file:
        encode(file, client, names[:5])
    operator.answered.clear()
    with VectorFile(outputs, OPERATOR) as file:
        assert encode(file, client, names) == 5
    assert operator.answered == [b"5", b"6", b"7", b"bad", b"9"]


def test_a_name_that_is_given_twice_has_two_rows(client, outputs, names):
    with VectorFile(outputs, OPERATOR) as file:
        encode(file, client, [names[0]])
    with VectorFile(outputs, OPERATOR) as file:
        assert encode(file, client, [names[0], names[0], names[2]]) == 2
        assert file.good == 3


class ScriptedEncoder:
    """Its third input makes the model fail."""

    def __init__(self, health):
        self._health = health

    def health(self):
        return self._health

    def encode_stream(self, inputs, *, batch):
        for number, data in enumerate(inputs):
            yield ModelFailed("boom") if number == 2 else vector_of(data)


def test_an_input_that_breaks_the_model_is_an_error_like_any_other(outputs, names):
    with VectorFile(outputs, OPERATOR) as file:
        encode(file, ScriptedEncoder(HEALTHY), names)
        assert (file.good, file.bad) == (9, 1)


def test_a_broken_model_ends_the_run_instead_of_failing_every_input(outputs, names):
    with VectorFile(outputs, OPERATOR) as file:
        with pytest.raises(VisopError, match="not healthy: unhealthy: the model failed"):
            encode(file, ScriptedEncoder("unhealthy: the model failed its last check"), names)
        assert (file.good, file.bad) == (2, 0)
