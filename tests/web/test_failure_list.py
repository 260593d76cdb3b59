from visop.errors import InvalidInput
from visop.web.failure_list import FailureList


def test_of_a_folder_that_is_gone_all_failures_are_forgotten() -> None:
    failures = FailureList()
    for name in ("/lib/nas/1.png", "/lib/nas/2019/2.png", "/lib/nas.png", "/lib/3.png", "https://example.org/4.png"):
        failures.add(name, InvalidInput("not an image"))
    failures.forget(["/lib/nas", "/lib/3.png"])
    assert [each.name for each in failures.first(9)] == ["/lib/nas.png", "https://example.org/4.png"]
