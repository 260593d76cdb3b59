"""The column that names pictures is found, or the message says which columns there are."""

import json

import pytest

from visop.errors import UsageError
from visop.sources import FindOptions, find_inputs, gather


def names_in(path, **options):
    return find_inputs([str(path)], FindOptions(**options)).names


def test_a_csv_without_a_header_is_read_from_its_first_line(tmp_path):
    (tmp_path / "l.csv").write_text("/a.jpg,1\n/b.jpg,2\n")
    assert list(gather([str(tmp_path / "l.csv")]).names) == ["/a.jpg", "/b.jpg"]


def test_what_stands_around_the_cells_of_a_csv_does_not_count(tmp_path):
    (tmp_path / "l.csv").write_text("id, Path\n1, /a b.jpg \n2, \n")
    assert list(gather([str(tmp_path / "l.csv")]).names) == ["/a b.jpg"]


@pytest.mark.parametrize(
    "header",
    [
        "image_path",
        "filename",
        "File Name",
        "file-name",
        "img",
        "src",
        "picture",
        "photo",
        "uri",
        "filepath",
        "Image URL",
        "SourceFile",
        "IMAGE",
        "img_src",
        "link",
        "name",
    ],
)
def test_a_column_is_found_by_its_header(tmp_path, header):
    (tmp_path / "l.csv").write_text(f"id,label,{header}\n1,cat,p1.jpg\n2,dog,p2\n")
    assert names_in(tmp_path / "l.csv") == ["p1.jpg", "p2"]


@pytest.mark.parametrize("headers", ["image,filename", "name,bild", "source,Image Name", "path,filename"])
def test_of_several_columns_the_one_with_names_counts(tmp_path, headers):
    (tmp_path / "l.csv").write_text(f"{headers}\n17,a.jpg\n18,b.jpg\n")
    assert names_in(tmp_path / "l.csv") == ["a.jpg", "b.jpg"]


def test_a_header_that_is_sure_counts_whatever_else_looks_like_a_picture(tmp_path):
    (tmp_path / "l.csv").write_text("image_path,license\nscans/17,https://example.org/by\n")
    assert names_in(tmp_path / "l.csv") == ["scans/17"]


def test_a_cell_that_is_too_long_is_wrong_usage(tmp_path):
    (tmp_path / "l.csv").write_text("file,base64\na.jpg," + "A" * 200_000)
    with pytest.raises(UsageError, match="not CSV: field larger than field limit"):
        names_in(tmp_path / "l.csv")


@pytest.mark.parametrize(
    "table", ["nr,bild\n1,{}\n", "1,{}\n2,{}\n", "1,{}\n", "bild\n{}\n", "nr;bild\n1;{}\n", "nr\tbild\n1\t{}\n"]
)
def test_a_column_is_found_by_what_is_in_it(tmp_path, table):
    (tmp_path / "picture").touch()
    name = str(tmp_path / "picture")
    (tmp_path / "l.csv").write_text(table.format(name, name))
    assert set(names_in(tmp_path / "l.csv")) == {name}


@pytest.mark.parametrize(
    "text", ["id;file\n1;a, b.jpg\n", "sep=;\r\nid;file\r\n1;a, b.jpg\r\n", 'id,file\n1,"a, b.jpg"\n']
)
@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_spreadsheets_write_is_read(tmp_path, text, codec):
    (tmp_path / "l.csv").write_bytes(text.encode(codec))
    assert names_in(tmp_path / "l.csv") == ["a, b.jpg"]


def test_other_tables_are_read_alike(tmp_path):
    (tmp_path / "l.tsv").write_text("id\timage path\n1\ta,b.jpg\n")
    rows = [{"id": 1, "image": "a.jpg"}, {"id": 2}, {"id": 3, "image": "file:///b.jpg"}]
    (tmp_path / "l.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "m.jsonl").write_text('"a.jpg"\n\n"b.jpg"\n')
    assert names_in(tmp_path / "l.tsv") == ["a,b.jpg"]
    assert names_in(tmp_path / "l.jsonl") == ["a.jpg", "/b.jpg"]
    assert names_in(tmp_path / "m.jsonl") == ["a.jpg", "b.jpg"]


def test_a_column_that_does_not_show_is_asked_for_with_the_names_of_all(tmp_path):
    (tmp_path / "l.csv").write_text("id,titel\n1,Katze\n2,Hund\n")
    with pytest.raises(UsageError, match=r"^column: .*l.csv has the columns id, titel, and none is known"):
        names_in(tmp_path / "l.csv")
    assert names_in(tmp_path / "l.csv", column="Titel") == ["Katze", "Hund"]


def test_a_column_that_is_not_there_is_wrong_usage(tmp_path):
    (tmp_path / "l.csv").write_text("id,titel\n1,Katze\n")
    with pytest.raises(UsageError, match=r"^column bild: .*l.csv has the columns id, titel"):
        names_in(tmp_path / "l.csv", column="bild")


@pytest.mark.parametrize("line", ["{", "[" * 100_000, '"\\ud800.jpg"'], ids=["open", "deep", "half a character"])
def test_a_line_that_is_no_json_is_named(tmp_path, line):
    (tmp_path / "l.jsonl").write_text(f'"a.jpg"\n{line}')
    with pytest.raises(UsageError, match="line 2 is not JSON"):
        names_in(tmp_path / "l.jsonl")
