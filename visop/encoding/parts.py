"""Which parts of pictures are encoded: what was asked for becomes a setting, or is compared with a running operator."""

from __future__ import annotations

from dataclasses import replace

from visop.contract import OperatorInfo
from visop.errors import UsageError
from visop.part_scheme import NO_PARTS, PartScheme, spoken_parts
from visop.processors.registry import built_in_names
from visop.same_encoder import check_is_encoder
from visop.settings import Settings


def settings_for(parts: str | None, settings: Settings) -> Settings:
    """The settings of an operator in this process that encodes these parts. Arguments as of ``open_encoders``.

    Raises:
        UsageError: an empty text says of no parts what they are.
    """
    if parts is None:
        return settings
    if not parts:
        raise UsageError("parts", parts, f"must be a processor, such as regions:10, or {NO_PARTS}")
    if parts == NO_PARTS:
        return replace(settings, processor="", encoder="", whole=False)
    return replace(settings, processor=parts, whole=True)


def processor_of(parts: str, index: str) -> str:
    """The processor that made the parts of an index, as a setting.

    A class of somebody's own is not named by an index, for a file must not choose what code is run.

    Raises:
        UsageError: it is none that is built in.
    """
    if not parts:
        return NO_PARTS
    name = PartScheme.of(parts).name
    if name not in built_in_names():
        why = f"the index {index} has parts of {name}, which is not built in: name the module:Class or file that it is"
        raise UsageError("parts", "", why)
    return name


def check_encodes_pictures(operator: OperatorInfo) -> None:
    """Raise UsageError for a running operator that has no vector of each whole picture."""
    if not operator.parts:
        check_is_encoder(operator)
    elif not PartScheme.of(operator.parts).whole:
        why = f"gives vectors of parts ({operator.parts}), and none of the whole picture; start it with OP_WHOLE=true"
        raise UsageError("", operator.name, why)


def check_parts(operator: OperatorInfo, parts: str | None, name: str) -> None:
    """Raise UsageError, with what to start instead, if a running operator makes other parts than were asked for."""
    if parts is None or parts == _short(operator):
        return
    if parts == NO_PARTS:
        how = "start one without OP_PROCESSOR"
    else:
        how = f"start one with OP_PROCESSOR={parts} and OP_WHOLE=true"
    why = f"{name} makes other parts ({spoken_parts(operator.parts)}): {how}, or ask for the parts that it makes"
    raise UsageError("parts", parts, why)


def _short(operator: OperatorInfo) -> str:
    return PartScheme.of(operator.parts).name if operator.parts else NO_PARTS
