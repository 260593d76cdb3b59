from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from visop.adapters.private_folder import PrivateFolder

HOLD = """
import sys, time
from pathlib import Path
from visop.adapters.private_folder import PrivateFolder
folder = PrivateFolder(Path(sys.argv[1]))
with folder.holding([b"a picture"]) as [path]:
    print(path, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "visop-pictures-link").symlink_to(tmp_path)
    (tmp_path / "visop-pictures-file").touch()
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        path = Path(process.stdout.readline().strip())
        living = PrivateFolder(tmp_path)
        assert path.read_bytes() == b"a picture"  # its process lives
        os.kill(process.pid, signal.SIGKILL)
    PrivateFolder(tmp_path).close()
    assert not path.parent.exists()
    assert living.path.exists()
    living.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["visop-pictures-file", "visop-pictures-link"]


def test_it_is_empty_after_use_whoever_wrote_into_it(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    with folder.holding([b"1", b"2"]) as paths:
        assert [Path(path).read_bytes() for path in paths] == [b"1", b"2"]
        (folder.path / "more").mkdir()
        (folder.path / "more" / "file").touch()
    assert list(folder.path.iterdir()) == []
    folder.close()
    folder.close()
    folder.empty()
    assert list(tmp_path.iterdir()) == []
