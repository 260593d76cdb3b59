from __future__ import annotations

import subprocess
import sys

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
