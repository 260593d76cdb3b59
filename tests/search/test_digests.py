import time

from visop.search.digests import Digests

DIGEST = "ab" * 32
OLD_NS = 1_600_000_000 * 10**9


def test_a_file_that_did_not_change_is_remembered_over_processes(tmp_path):
    with Digests(tmp_path / "cache" / "d.sqlite") as digests:
        digests.put("/a/b.jpg", 10, OLD_NS, DIGEST)
    with Digests(tmp_path / "cache" / "d.sqlite") as digests:
        assert digests.get("/a/b.jpg", 10, OLD_NS) == DIGEST


def test_another_size_or_time_is_another_content(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", 10, OLD_NS, DIGEST)
        assert digests.get("/a", 11, OLD_NS) is None
        assert digests.get("/a", 10, OLD_NS + 1) is None
        assert digests.get("/b", 10, OLD_NS) is None


def test_a_file_that_may_still_change_within_a_tick_of_the_clock_is_not_remembered(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        now = time.time_ns()
        digests.put("/a", 10, now, DIGEST)
        assert digests.get("/a", 10, now) is None


def test_two_processes_remember_at_the_same_time(tmp_path):
    path = tmp_path / "d.sqlite"
    with Digests(path, together=1) as one, Digests(path, together=1) as other:
        one.put("/a", 10, OLD_NS, DIGEST)
        other.put("/b", 10, OLD_NS, DIGEST)
    with Digests(tmp_path / "d.sqlite") as digests:
        assert digests.get("/a", 10, OLD_NS) == digests.get("/b", 10, OLD_NS) == DIGEST


def test_a_file_from_a_far_future_is_the_only_one_that_is_not_remembered(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", 10, OLD_NS, DIGEST)
        for modified_ns in (2**63, -(2**63) - 1):
            digests.put("/b", 10, modified_ns, DIGEST)
            assert digests.get("/b", 10, modified_ns) is None
        assert digests.get("/a", 10, OLD_NS) == DIGEST


def test_a_broken_file_is_done_without(tmp_path):
    (tmp_path / "d.sqlite").write_bytes(b"junk" * 1000)
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/a", 10, OLD_NS, DIGEST)
        assert digests.get("/a", 10, OLD_NS) is None


def test_a_place_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "file").touch()
    with Digests(tmp_path / "file" / "d.sqlite") as digests:
        assert digests.get("/a", 1, 1) is None


def test_names_that_are_no_text_are_remembered(tmp_path):
    with Digests(tmp_path / "d.sqlite") as digests:
        digests.put("/caf\udce9", 1, OLD_NS, DIGEST)
        assert digests.get("/caf\udce9", 1, OLD_NS) == DIGEST
