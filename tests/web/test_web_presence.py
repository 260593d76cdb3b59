from __future__ import annotations

import threading

from visop.search.schema import Picture
from visop.web.presence import PresenceCheck


def test_a_drive_that_does_not_answer_holds_up_one_answer_and_no_other() -> None:
    gate, asked = threading.Event(), []
    picture = Picture("a" * 64, ("/away/a.png",), 1, 1, 1, 0, 0)

    def is_gone(each: Picture) -> bool:
        asked.append(each)
        gate.wait(20)
        return True

    with PresenceCheck(limit_s=0.01, rest_s=0.2, is_gone=is_gone) as check:
        assert check.gone([picture]) == frozenset()
        assert check.gone([picture]) == frozenset()  # not asked again so soon
        assert len(asked) == 1
        gate.set()
        while not check.gone([picture]):
            pass
        assert check.gone([picture]) == {picture.id}
