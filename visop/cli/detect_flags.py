"""The flags of ``visop detect``."""

from __future__ import annotations

from pathlib import Path

from visop.cli.flags import CommandParser, number, whole
from visop.cli.folder_flags import FOLDER_NOTES, add_folder_flags
from visop.cli.operator_flags import add_running_operator
from visop.cli.settings_flags import ENCODER_SETTINGS, add_settings

#: Of copies, which are made in this process whatever finds the parts.
CROP_SETTINGS = ("crop_margin", "crop_quality")

NOTES = f"""\
The processor is in this process (--model, or --class for one of your own) or a running one (-e). Boxes are in pixels of
the upright picture, in the resolution of its file. A picture in which nothing is found is no error.

{FOLDER_NOTES}

files written:
  OUT.jsonl           one object per picture: input, parts, each with box, label, score, keypoints
  OUT.csv             one row per part; a picture in which nothing was found has none
  OUT.errors.csv      input, code, reason: the pictures that could not be looked at; they never stop the run;
                      of OUT.csv it is OUT.csv.errors.csv
  ANNOTATED/          the pictures as JPEGs, upright, with what was found drawn onto them, in the same folders
  CROPS/PICTURE.jpg/  what was found in each picture, cut out

If a run with --out, --annotated or --crops is interrupted, the same command continues where it stopped. With
--annotated or --crops, and without --out, the list is `found.jsonl` in that folder. Pictures are never changed.

exit status:
  0 all looked at    1 some pictures failed    2 wrong usage or settings    3 not finished    130 Ctrl-C

examples:
  visop detect party.jpg --model faces                                a table (needs `pip install 'visop[faces]'`)
  visop detect pictures/ --model faces --annotated looked-at/         copies with boxes, and looked-at/found.jsonl
  visop detect pictures/ --model faces --out faces.csv --min-score 0.9
  visop detect pictures/ -e 127.0.0.1:50051 --label dog --label cat --out animals.jsonl --crops animals/
  visop detect pictures/ -e 10.0.0.7:50051 -e 10.0.0.8:50051 --out found.jsonl
  visop detect pictures/ --class my_operators:Logos --format jsonl | jq .parts
  find /data -name '*.jpg' | visop detect --list - --model regions:10 --out regions.csv
"""


def add_detect_flags(parser: CommandParser) -> None:
    """Add what is looked at, what looks, which parts are wanted, and where the results go."""
    parser.add_argument("inputs", nargs="*", metavar="INPUT", help="folders, files, http(s) URLs, LIST.txt, LIST.csv")
    parser.add_argument("--list", type=Path, metavar="FILE", help="more files and URLs, one per line; - is stdin")
    finds = parser.add_argument_group("what finds the parts")
    add_settings(finds, ["model"])
    model = next(action for action in parser._actions if action.dest == "setting_model")
    model.help = "a processor in this process: faces, regions:N, ... (docs/how-to/parts.md lists them)"
    add_settings(finds, ["operator"])
    add_running_operator(
        finds,
        "a running processor or pipeline, in place of one in this process; repeat it to share the work among several",
        several=True,
    )
    wanted = parser.add_argument_group("which parts")
    score = number(float, lambda value: 0 <= value <= 1, "a number from 0 to 1")
    wanted.add_argument("--min-score", type=score, metavar="SCORE", help="only what has at least this score")
    wanted.add_argument(
        "--label",
        dest="labels",
        action="append",
        default=[],
        metavar="LABEL",
        help="only these labels; repeat it for more",
    )
    results = parser.add_argument_group("where the results go")
    results.add_argument(
        "--out", type=Path, metavar="OUT.jsonl", help="OUT.jsonl or OUT.csv (default: a table on stdout)"
    )
    forms = ("table", "jsonl", "csv")
    results.add_argument(
        "--format", choices=forms, help="what is printed, or what --out is if its name does not say it"
    )
    results.add_argument("--annotated", type=Path, metavar="FOLDER", help="copies with boxes and labels drawn go here")
    results.add_argument("--crops", type=Path, metavar="FOLDER", help="what is found goes here, cut out, as JPEGs")
    add_settings(results, CROP_SETTINGS)
    results.add_argument(
        "--errors",
        type=Path,
        metavar="FILE",
        help="where the failures are listed (default OUT.errors.csv, or OUT.csv.errors.csv)",
    )
    add_folder_flags(parser)
    add_settings(parser, ["fetch_allow"])
    parser.add_argument("--batch", type=whole(1), default=16, metavar="N", help="pictures per request (default 16)")
    parser.add_argument("--restart", action="store_true", help="begin anew, and replace what an earlier run wrote")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no summary")
    engine = parser.add_engine_group(
        "the operator in this process", "of the processor in this process, such as --threads"
    )
    others = [name for name in ENCODER_SETTINGS if name != "model"]
    add_settings(engine, ["processor", *others, "max_parts_per_picture"])
