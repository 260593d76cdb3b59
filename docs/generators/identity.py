"""What the operator answers to Identity as it is shipped."""

from __future__ import annotations

import json

from markdown import block

from custom_operator import CustomOperator
from visop.models.selection import Selection
from visop.serving.convert import identity_json, identity_of
from visop.settings import Settings

# The first fields of the reply; version, formats and limits follow.
_SHOWN = 8


def reply() -> str:
    """The first lines of the answer, as grpcurl prints it, in a block."""
    settings = Settings()
    operator = CustomOperator(settings)
    operator.fingerprint = Selection.of(settings).fingerprint("f32")
    fields = identity_json(identity_of(operator.info(), settings.endpoint, settings))
    lines = json.dumps(fields, indent=2).splitlines()[: 1 + _SHOWN]
    return block("\n".join([*lines, "  ..."]), "text")
