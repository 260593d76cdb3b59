"""Make an operator of a class of another system."""

from __future__ import annotations

from visop.adapters.analysis import of_analysis
from visop.adapters.engine import of_engine
from visop.adapters.private_folder import PrivateFolder
from visop.adapters.recognise import is_analysis
from visop.contract import Encoder, Processor
from visop.images.decode import ImageLimits


def adapted(cls: type, limits: ImageLimits) -> Encoder | Processor:
    """Construct a class, which loads its model, and try it to learn what it is.

    Args:
        cls: for which ``is_of_another_system``.
        limits: on the pictures that it cuts out.

    Raises:
        ModelFailed: it answers to no way of calling it; ``detail`` says what each led to.
        Exception: what its constructor raises.
    """
    folder = PrivateFolder()
    try:
        return of_analysis(cls, folder) if is_analysis(cls) else of_engine(cls, folder, limits)
    except BaseException:
        folder.close()
        raise
