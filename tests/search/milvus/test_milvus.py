from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from tests.search.conftest import SERVER
from visop.contract import OperatorInfo
from visop.search.schema import Picture, Row
from visop.search.store import open_store

_PROGRAM = """
import io, logging
class Closing(logging.StreamHandler):  # as that of absl, which TensorFlow brings
    def close(self):
        self.stream.close()
stream = io.StringIO()
logging.getLogger().addHandler(Closing(stream))
import visop.search.milvus.store
logging.getLogger("visop").warning("still here")
print(stream.getvalue())
"""


def test_importing_the_store_leaves_the_logs_of_others_alone() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "still here"


@pytest.mark.skipif(not SERVER, reason="of Milvus Lite, all rows are settled")
def test_many_rows_that_were_just_written_are_soon_searched_exactly(uri: str) -> None:
    random = np.random.default_rng(1)
    made = (random.normal(size=(20_000, 12)) @ random.normal(size=(12, 128))).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    rows = [Row(Picture(f"{each:064x}", (f"{each}",), 5, 5, 9, 3, 4), vector) for each, vector in enumerate(made)]
    with open_store(uri) as store:
        collection = store.create("test", 1, OperatorInfo("toy", "f", 128, "IP"), index_type="HNSW")
        store.point("test", 1)
        for start in range(0, 20_000, 1000):
            collection.upsert(rows[start : start + 1000])
        collection.tune()
        queries = list(made[::400] + made[1::400])
        best = [set(np.argsort(-(made @ query))[:10].tolist()) for query in queries]

        def recall() -> float:
            found = [{int(hit.picture.id, 16) for hit in hits} for hits in collection.search(queries, 10)]
            return float(np.mean([len(one & other) / 10 for one, other in zip(found, best, strict=True)]))

        end = time.monotonic() + 60  # its nodes load an index some time after it was built
        while recall() < 0.99:
            assert time.monotonic() < end
