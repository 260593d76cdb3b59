"""Several descriptors of one pass are results by name, wherever the operator runs."""

from __future__ import annotations

import numpy as np

from tests.conftest import make_image, running, unit
from tests.toys import ToyOperator
from visop.analyses.local import Local
from visop.analyses.operators import OperatorResult, RunsOperator
from visop.analyses.remote import Remote
from visop.contract import Image
from visop.errors import VisopError


class Two(ToyOperator):
    """The mean colour, and the same in another order."""

    name = "two"
    dimension = 6
    descriptors = ("MAC", "SPoC")

    def preprocess(self, image: Image) -> np.ndarray:
        return image.reshape(-1, 3).mean(axis=0)

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.batches.append(len(batch))
        return np.concatenate([batch, batch[:, ::-1]], axis=1).astype(np.float32)


def test_descriptors_are_results_by_name() -> None:
    with running(Two()) as server:
        remote = Remote("there", server.address)
        runs: list[RunsOperator] = [remote, Local("here", server.operator, server.pipeline)]
        for each in runs:
            found = each.run([make_image((30, 20, 10)), b"no picture"], 20)
            check(found)
        remote.close()
    assert server.operator.batches == [1, 1]  # one pass for both descriptors of each call


def check(found: list[OperatorResult | VisopError]) -> None:
    first, second = found
    assert isinstance(first, OperatorResult)
    assert isinstance(second, VisopError)
    assert first.vectors is None
    assert first.descriptors is not None
    assert list(first.descriptors) == ["MAC", "SPoC"]
    np.testing.assert_allclose(first.descriptors["MAC"], unit((30, 20, 10)), atol=1e-6)
    np.testing.assert_allclose(first.descriptors["SPoC"], unit((10, 20, 30)), atol=1e-6)
