"""The commands as they are typed, with a toy operator in this process."""

import json
from pathlib import Path

import pytest

from tests.conftest import make_image, picture_file, run_command
from tests.evaluation.test_compare import CALIBRATION
from tests.search.conftest import SERVER, write_pictures
from visop.cli import duplicates
from visop.cli.main import main
from visop.errors import UsageError, VisopError
from visop.search.duplicates import FALSE_PAIRS

ENCODER = ["--class", "tests.toys:ToyOperator"]


@pytest.fixture
def run(uri, tmp_path, monkeypatch):
    """One command; its exit status, as cli.main would have it."""
    monkeypatch.setenv("OP_CACHE_DIR", str(tmp_path / "cache"))

    def command(name, *arguments, encoder=ENCODER):
        try:
            return run_command(name, *arguments, "--uri", uri, "--index", "test", *encoder)
        except UsageError as error:
            print(error)
            return 2
        except VisopError as error:
            print(error)
            return 1

    return command


def test_from_a_folder_to_an_answer(run, folder, capsys):
    assert run("index", folder) == 0
    assert "10 new, 0 known already" in capsys.readouterr().out
    assert run("search", folder / "3.png", "--k", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].split()[:4] == ["1", "0.0000", "1.0000", "16x12"]
    assert lines[0].endswith(f"{folder}/3.png")
    (folder / "4.png").unlink()
    assert run("search", folder / "3.png") == 0
    marked = [line for line in capsys.readouterr().out.splitlines() if line.endswith("(file is gone)")]
    assert [line.split()[-4] for line in marked] == [f"{folder}/4.png"]


def test_json_is_for_programs(run, folder, capsys):
    run("index", folder, "--quiet")
    assert run("search", folder / "3.png", "--k", 1, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["names"] == [str(folder / "3.png")]
    assert (found["is_copy"], found["is_gone"]) == (None, False)


def test_attributes_of_a_table_are_told_and_filter(run, folder, tmp_path, capsys):
    table = tmp_path / "facts.csv"
    rows = f"{folder}/3.png,12.5,Cat,true\n{folder}/4.png,20,,\n{folder}/none.png,3,x,\n"
    table.write_text(f"path,price,title,sold\n{rows}")
    assert run("index", folder, "--attributes", table, "--errors", tmp_path / "e.csv") == 1
    captured = capsys.readouterr()
    assert "attributes of facts.csv: price (number), title (string), sold (boolean)" in captured.err
    assert "1 attribute could not be kept" in captured.err
    assert "10 new, 0 known already, 2 with new attributes" in captured.out
    assert run("search", folder / "3.png", "--filter", "price < 15") == 0
    assert capsys.readouterr().out.endswith(f"{folder}/3.png  [price=12.5, title=Cat, sold=true]\n")


def test_a_search_with_what_is_no_picture_names_it(run, folder, tmp_path, capsys):
    run("index", folder, "--quiet")
    (tmp_path / "no.jpg").write_text("hello")
    assert run("search", tmp_path / "no.jpg") == 1
    assert f"{tmp_path / 'no.jpg'}: not an image" in "".join(capsys.readouterr())


def test_bad_files_are_written_down_beside_and_exit_with_one(run, folder, tmp_path, capsys):
    write_pictures(folder, 4, first=20)
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(b"bad %d" % number)
    assert run("index", folder, "--errors", tmp_path / "e.csv") == 1
    captured = capsys.readouterr()
    assert "14 new" in captured.out
    assert f"6 inputs failed; {tmp_path}/e.csv says why\n  6 x not an image" in captured.err
    assert (tmp_path / "e.csv").read_text().count("INVALID_ARGUMENT") == 6


def test_pictures_that_are_not_accepted_are_named_and_what_is_passed_over_is_counted(run, tmp_path, capsys):
    folder = tmp_path / "phone"
    write_pictures(folder, 1)[0].rename(folder / "a")
    write_pictures(folder / ".thumbnails", 2)
    (folder / "notes").write_text("words")
    for number in range(3):
        (folder / f"{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(number))
    assert run("index", folder, "--errors", tmp_path / "e.csv") == 1
    out, err = capsys.readouterr()
    assert "1 new" in out
    assert f"3 inputs failed; {tmp_path}/e.csv says why\n  3 x " in err
    assert "passed over: 1 file that is no picture; 1 hidden or excluded (.thumbnails)" in err
    assert (tmp_path / "e.csv").read_text().count(".HEIC,") == 3
    assert run("index", folder / "0.HEIC", "--errors", tmp_path / "e.csv") == 1
    assert f"visop: 1 input failed; {tmp_path}/e.csv says why" in capsys.readouterr().err
    assert run("index", folder, "--exclude", "*.heic", "--errors", tmp_path / "e.csv") == 0


@pytest.mark.slow
def test_a_disk_that_is_not_mounted_is_named_and_what_takes_it_out(run, folder, tmp_path, capsys):
    write_pictures(folder / "nas", 3, first=20)
    run("index", folder, "--quiet")
    (folder / "nas").rename(tmp_path / "away")
    capsys.readouterr()
    assert run("index", folder, "--prune") == 0
    out, err = capsys.readouterr()
    assert "0 removed" in out
    assert "3 missing pictures were not pruned" in err
    assert f"--prune-missing takes them out:\n  {folder}/nas: 3\n" in err
    run("index", folder, "--prune-missing")
    assert "3 removed" in capsys.readouterr().out


def test_an_error_file_of_an_earlier_run_does_not_stay(run, folder, tmp_path):
    (folder / "bad.jpg").write_bytes(b"bad")
    run("index", folder, "--errors", tmp_path / "e.csv")
    (folder / "bad.jpg").unlink()
    assert run("index", folder, "--errors", tmp_path / "e.csv") == 0
    assert not (tmp_path / "e.csv").exists()


def test_a_list_of_errors_can_be_indexed_again(run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (folder / "late.png").touch()
    assert run("index", folder) == 1
    (folder / "late.png").write_bytes((folder / "3.png").read_bytes())
    assert run("index", "test.test.errors.csv") == 0
    assert not Path("test.test.errors.csv").exists()


@pytest.mark.slow
def test_two_indexes_of_one_name_do_not_share_a_list_of_errors(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "good", 1)
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    assert main(["index", "bad.jpg", "--uri", "a.db", "--quiet", *ENCODER]) == 1
    assert main(["index", "good", "--uri", "b.db", "--quiet", *ENCODER]) == 0
    assert "bad.jpg" in (tmp_path / "a.pictures.errors.csv").read_text()


def test_duplicates_are_listed_and_reported(run, folder, tmp_path, capsys):
    (folder / "copy.png").write_bytes((folder / "3.png").read_bytes())
    run("index", folder, "--quiet")
    assert run("duplicates", "--threshold", "1") == 0
    keep, same = capsys.readouterr().out.splitlines()[-2:]
    assert keep.split()[0] == "keep"
    assert keep.endswith(str(folder / "3.png"))
    assert same.split() == ["same", str(folder / "copy.png")]
    assert run("duplicates", "--threshold", "1", "--html", tmp_path / "d.html") == 0
    assert run("duplicates", "--threshold", "1", "--json") == 0
    assert (tmp_path / "d.html").exists()


def test_duplicates_without_a_threshold_say_where_to_get_one(run, folder, capsys):
    run("index", folder, "--quiet")
    assert run("duplicates") == 2
    assert "threshold: none is known for this encoder, and" in capsys.readouterr().out


def test_the_threshold_of_duplicates_is_chosen_in_one_way(run, folder, capsys):
    run("index", folder, "--quiet")
    assert run("duplicates", "--threshold", "1", "--false-pairs", "2") == 2
    assert "false_pairs 2.0: is another way to choose the threshold; give one" in capsys.readouterr().out
    assert run("duplicates", "--fpr", "0.01") == 2
    assert "fpr 0.01: no calibration of this encoder is known" in capsys.readouterr().out
    assert duplicates._FALSE_PAIRS == FALSE_PAIRS


@pytest.mark.parametrize(
    "command", [["duplicates", "--threshold", "1"], ["search", "no.png"]], ids=lambda each: each[0]
)
@pytest.mark.parametrize("page", ["nosuch/x.html", "."])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(run, capsys, command, page):
    with pytest.raises(SystemExit) as end:
        run(*command, "--html", page)
    assert end.value.code == 2
    assert f"{page}: must be a file in a folder that is there" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["search", "x.png"], ["duplicates", "--threshold", "1"], ["reindex"]])
def test_a_file_that_is_not_there_is_not_made_by_who_only_reads_it(run, uri, capsys, command):
    if SERVER:
        pytest.skip("a server is there or not")
    assert run(*command, encoder=[]) == 1
    assert f"there is no {uri}; `visop index` makes one" in capsys.readouterr().out
    assert not Path(uri).exists()


def test_duplicates_need_no_running_operator(run, capsys):
    with pytest.raises(SystemExit):
        run("duplicates", "--threshold", "1", encoder=["--operator", "127.0.0.1:1"])
    assert "unrecognized arguments: --operator" in capsys.readouterr().err


def test_a_calibration_gives_verdicts(run, folder, tmp_path, capsys):
    thresholds = [{"fpr": 1e-3, "similarity": 0.999999, "recall": 0.9, "fpr_measured": 0.0005}]
    calibration = {"pairs": 2, "picture_pairs": 1, "pictures": 2, "data": "test", "thresholds": thresholds}
    (tmp_path / "c.json").write_text(json.dumps({"toy": {"fingerprint": "toy-1", "calibration": calibration}}))
    run("index", folder, "--quiet")
    assert run("search", folder / "3.png", "--k", 10, "--calibration", tmp_path / "c.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "One copy found:"
    assert lines[1].split()[3] == "copy"
    assert lines[2] == "Most like it, and no copy:"
    assert lines[3].startswith("  2  ")
    assert "copy" not in lines[-1]


def test_of_a_nearly_empty_picture_no_copies_are_told(run, folder, tmp_path, capsys, monkeypatch):
    (folder / "white.png").write_bytes(make_image((255, 255, 255)))
    (tmp_path / "black.png").write_bytes(make_image((1, 1, 1)))
    run("index", folder, "--quiet")
    monkeypatch.setattr("visop.search.calibration.calibration_of", lambda origin, settings: CALIBRATION)
    assert run("search", tmp_path / "black.png", "--k", 3) == 0
    out, err = capsys.readouterr()
    assert "copy" not in out
    assert " empty " not in out
    why = (
        "black.png is nearly empty (0.0% of it differs from its background): nothing to compare, so no copies are told"
    )
    assert why in err
    assert run("search", tmp_path / "black.png", "--box", "1,2,3,4") == 0
    assert f"the part 1,2,3,4 of {tmp_path / 'black.png'} is nearly empty" in capsys.readouterr().err
    assert run("search", tmp_path / "black.png", "--k", 1, "--json") == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["is_copy"], found["nearly_empty"]) == (None, True)


def test_a_nearly_empty_picture_that_is_found_is_marked(run, folder, capsys, monkeypatch):
    (folder / "grey.png").write_bytes(picture_file((60, 60, 60)))
    (folder / "white.png").write_bytes(make_image((255, 255, 255)))
    run("index", folder, "--quiet")
    monkeypatch.setattr("visop.search.calibration.calibration_of", lambda origin, settings: CALIBRATION)
    capsys.readouterr()
    assert run("search", folder / "grey.png", "--k", 2) == 0
    found, copy, _, empty = capsys.readouterr().out.splitlines()
    assert found == "One copy found:"
    assert [copy.split()[3], empty.split()[3]] == ["copy", "empty"]


def test_what_is_no_copy_is_shown_on_request_if_the_encoder_knows_copies_only(
    run, folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("visop.search.index.knows_only_copies", lambda operator, settings: True)
    monkeypatch.setattr("visop.search.calibration.calibration_of", lambda origin, settings: CALIBRATION)
    run("index", folder, "--quiet")
    unknown = tmp_path / "unknown.png"
    unknown.write_bytes(picture_file((200, 60, 60)))
    capsys.readouterr()
    assert run("search", unknown, "--k", 3) == 0
    out, err = capsys.readouterr()
    assert out == "No copy of this picture found.\n"
    assert "3 pictures are nearest, but not a copy, and not shown" in err
    assert run("search", unknown, "--k", 3, "--all") == 0
    assert capsys.readouterr().out.splitlines()[1] == "Nearest, and no copy:"
    assert run("search", unknown, "--k", 3, "--json") == 0
    assert [each["is_copy"] for each in json.loads(capsys.readouterr().out)] == [False] * 3


def test_in_a_terminal_the_columns_have_headings(run, folder, capsys, monkeypatch):
    run("index", folder, "--quiet")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert run("search", folder / "3.png", "--k", 1) == 0
    headings, line = capsys.readouterr().out.splitlines()
    assert headings.split() == ["score", "cosine", "pixels", "picture"]
    assert headings.index("pixels") + len("pixels") == line.index("16x12") + len("16x12")
    assert headings.index("picture") == line.index(str(folder))


def test_an_encoder_that_has_no_threshold_at_the_usual_rate_still_searches(run, folder, tmp_path, capsys, monkeypatch):
    few = {"pairs": 2, "picture_pairs": 1, "pictures": 2, "data": "few", "thresholds": []}
    monkeypatch.setattr("visop.search.calibration.calibration_of", lambda origin, settings: few)
    run("index", folder, "--quiet")
    assert run("search", folder / "3.png") == 0
    assert "copy" not in capsys.readouterr().out
    assert run("search", folder / "3.png", "--fpr", "1e-2") == 2
    assert "fpr 0.01: the encoder has no threshold" in capsys.readouterr().out


def test_reindex_is_for_another_encoder(run, folder, capsys):
    other = ["--class", "tests.search.test_reindex:Other"]
    run("index", folder, "--quiet")
    assert run("search", folder / "3.png", encoder=other) == 2
    assert "toy-1; this encoder makes those of toy-2" in capsys.readouterr().out
    assert run("reindex", encoder=other) == 0
    assert "10 vectors made again" in capsys.readouterr().out
    assert run("search", folder / "3.png", "--k", 1, encoder=other) == 0
    assert run("reindex", encoder=other) == 0
    assert "has the vectors of this encoder already" in capsys.readouterr().out


def test_a_reindex_with_losses_says_what_to_do_and_leaves_the_index(run, folder, capsys, tmp_path):
    other, errors = ["--class", "tests.search.test_reindex:Other"], ["--errors", tmp_path / "e.csv"]
    run("index", folder, "--quiet")
    (folder / "1.png").unlink()
    assert run("reindex", *errors, encoder=other) == 1
    err = capsys.readouterr().err
    assert f"1 pictures could not be read again; {tmp_path}/e.csv says why. The index is as it was" in err
    assert "or add --accept-losses" in err
    assert run("search", folder / "3.png", "--k", 1) == 0
    assert run("reindex", "--accept-losses", *errors, encoder=other) == 1
    captured = capsys.readouterr()
    assert "0 vectors made again, 9 were done already" in captured.out
    assert "1 pictures failed and are not in the index" in captured.err
    assert run("search", folder / "3.png", "--k", 1, encoder=other) == 0


def test_no_summary_shows_a_password(folder, lite_server, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("OP_CACHE_DIR", str(tmp_path / "cache"))
    secret = lite_server.replace("http://", "http://root:hunter2@")
    for command in (("index", folder), ("reindex",)):
        assert run_command(*command, "--uri", secret, "--index", "test", *ENCODER) == 0
        assert capsys.readouterr().out.startswith(f"{lite_server}, index test: ")
    other = ["--class", "tests.search.test_reindex:Other"]
    assert run_command("reindex", "--uri", secret, "--index", "test", *other) == 0
    assert capsys.readouterr().out.startswith(f"{lite_server}, index test: 10 vectors made again")


def test_a_flag_for_the_operator_in_this_process_does_not_go_with_a_running_one(run, folder, capsys):
    assert run("index", folder, encoder=["--operator", "127.0.0.1:1", "--model", "vgg16"]) == 2
    assert "has no effect on the running operator 127.0.0.1:1" in capsys.readouterr().out


def test_the_flag_that_is_complained_of_is_the_one_that_was_typed(run, folder, capsys):
    assert run("index", folder, encoder=["--operator", "127.0.0.1:1", *ENCODER]) == 2
    assert capsys.readouterr().out.startswith("--class: has no effect")


@pytest.mark.skipif(bool(SERVER), reason="a server is no file")
def test_a_run_that_cannot_go_on_says_that_what_is_done_is_kept(run, folder, uri, capsys):
    run("index", folder, "--quiet")
    next(Path(uri).glob("*.sqlite")).write_text("junk" * 1000)
    assert run("index", folder) == 3
    assert "is damaged" in (err := capsys.readouterr().err)
    assert "the same command goes on from there" in err


def test_a_name_cannot_write_to_the_terminal(run, tmp_path, capsys):
    (path,) = write_pictures(tmp_path / "photos", 1)
    path.rename(evil := path.with_name("\033[31mred\n.png"))
    run("index", tmp_path / "photos", "--quiet")
    run("search", evil)
    assert "\033" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "a.png", "--uri", "x"], "--uri x: must end in .db"),
        (["index", ".", "--index", "a b"], "--index a b: must be letters, digits"),
        (["index", ".", "--index-type", "TREE"], "--index-type TREE: must be auto, or one of FLAT"),
        (["index", "a.png", "--prune"], "--prune: takes out what is gone from folders"),
        (["index", ".", "--errors", "no/e.csv"], "--errors no/e.csv: must be a file in a folder that is there"),
        (["search", "a.png", "--filter", "widht > 3"], "--filter widht > 3: "),
        (["search", "a.png", "--k", "100000"], "--k 100000: must be from 1 to 16384"),
        (["search", "b.png", "--uri", "visop.db/"], "b.png: cannot be read: No such file or directory"),
        (["index", ".", "--uri", "https://"], "--uri https://: must be http://HOST:PORT of a Milvus"),
    ],
    ids=lambda each: each[-2] if isinstance(each, list) else "",
)
def test_a_command_names_its_flag_where_python_names_the_argument(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OP_CACHE_DIR", str(tmp_path / "cache"))
    write_pictures(tmp_path, 1)
    (tmp_path / "0.png").rename(tmp_path / "a.png")
    assert main(["index", "a.png", "--uri", "visop.db", "--quiet", *ENCODER]) == 0
    assert main([*words, *ENCODER]) == 2
    assert capsys.readouterr().err.startswith(f"visop: {said}")


def test_copies_are_moved_out_of_the_index_and_back(run, folder, tmp_path, capsys):
    (folder / "copy.png").write_bytes((folder / "3.png").read_bytes())
    run("index", folder, "--quiet")
    capsys.readouterr()
    assert run("duplicates", "--threshold", "1", "--move-to", tmp_path / "away", "--dry-run") == 0
    assert capsys.readouterr().out == f"{folder}/copy.png\n"
    assert not (tmp_path / "away").exists()
    assert run("duplicates", "--threshold", "1", "--move-to", tmp_path / "away") == 0
    out, err = capsys.readouterr()
    assert "1 file moved to" in err
    assert not (folder / "copy.png").exists()
    run("duplicates", "--threshold", "1", "--json")
    assert json.loads(capsys.readouterr().out) == []
    assert run("duplicates", "--undo", out.strip()) == 0
    assert capsys.readouterr().out == "1 file moved back, 0 left; `visop index` finds them again\n"
    assert (folder / "copy.png").exists()


def test_flags_of_moving_that_do_not_go_together_are_refused(run, tmp_path, capsys):
    for flags, why in (
        (["--undo", "x", "--move-to", "y"], "undo x: stands alone"),
        (["--move-to", "y", "--json"], "move_to y: moves at once"),
        (["--dry-run"], "dry_run: says what would be moved"),
    ):
        assert run("duplicates", *flags) == 2
        assert why in capsys.readouterr().out
