from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.conftest import Site, open_test_site
from visop.errors import UsageError
from visop.web.filters import check_public


@pytest.fixture(scope="module")
def public_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that others than this machine reach."""
    with open_test_site(tmp_path_factory.mktemp("site"), http_endpoint="0.0.0.0:0") as site:
        yield site


@pytest.mark.parametrize(
    "expression",
    [
        'names[0] like "/%"',
        'array_contains(names, "/tmp/0.png")',
        "ARRAY_LENGTH(names) > 0",
        'width > 0 and names [0] like "/%"',
        'width > 0 or(names[0]like"/%")',
        '"a" == names[0]',
        "id in names",
        "json_contains(names, 'x')",
        "exists names",
        "names is not null",
        "$meta['names'] == 'x'",
        'id == "\\"" or names[0] like "/%" or id == "\\""',
        "id == '\\' or names[0] like \"/%\" or id == '",
        'width > 0or names[0] like "/%"',
        'width > 1names[0] like "/%"',
        'width > 0 # names\nor names[0] like "/%"',
        'n\\u0061mes[0] like "/%"',
        'ｎａｍｅｓ[0] like "/%"',
        'ids[0] like "/%"',
        'vector[0] > 0',
    ],
)  # fmt: skip
def test_strangers_learn_nothing_of_folders_by_a_filter(public_site: Site, expression: str) -> None:
    id_ = public_site.ids()["0.png"]
    answer = public_site.search(id=id_, filter=expression)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")
    assert answer.json()["field"] == "filter"
    assert "there are id, width, height, bytes, modified, added" in answer.json()["detail"]


def test_strangers_filter_by_what_they_are_told(public_site: Site) -> None:
    first, second = (public_site.ids()[name] for name in ("0.png", "1.png"))
    for expression, found in [
        (f"id in [\"{first}\", '{second}']", 2),
        (f'id == "{first}" and not (width < 16 or height > 12.5)', 1),
        (f'id like "{first[:10]}%"', 1),
        ("bytes > 0 && modified >= 0 AND added * 2 > -1", 10),
    ]:
        answer = public_site.search(id=first, filter=expression)
        assert (answer.status_code, len(answer.json()["matches"])) == (200, found), answer.json()


def test_this_machine_filters_by_names_too(site: Site) -> None:
    answer = site.search(id=site.ids()["0.png"], filter=f'array_contains(names, "{site.folder}/3.png")')
    assert [match["id"] for match in answer.json()["matches"]] == [site.ids()["3.png"]]


def test_a_long_filter_is_checked_in_no_time() -> None:
    for expression in ("1" * 4000 + "x", "(" * 4000 + "x", '"' * 3999, "id" * 2000):
        with pytest.raises(UsageError, match=r"^filter: "):
            check_public(expression)
