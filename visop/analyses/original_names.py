"""The names of the interfaces of other systems that the service of analyses can have. Imports nothing of it."""

from __future__ import annotations

from typing import Literal, get_args

#: The analysis module, which the retrieval extractor is one of; the site that asks several modules; the service that
#: finds copied pictures.
Original = Literal["analysis-module", "analysis-site", "predict"]
ORIGINALS: tuple[Original, ...] = get_args(Original)

#: From which cosine on ``predict`` calls two pictures similar: that of the last version of the original.
SIMILAR = 0.98
