"""The interfaces of the systems that analyses take the place of, so that their clients go on unchanged."""

from __future__ import annotations

from collections.abc import Collection

from fastapi import FastAPI

from visop.analyses.original_names import SIMILAR, Original
from visop.analyses.routes.originals.kept_analyses import KeptAnalyses
from visop.analyses.routes.originals.predict import predict_router
from visop.analyses.routes.originals.record_forms import module_record, site_record
from visop.analyses.routes.originals.records_router import Interface, media_router, records_router
from visop.analyses.routes.originals.refusals import add_refusals
from visop.http.endpoint import Endpoint

_MODULE = Interface(module_record, takes_modules=False)
_SITE = Interface(site_record, takes_modules=True)


def add_originals(
    app: FastAPI, endpoint: Endpoint, kept: KeptAnalyses, names: Collection[Original], similar: float = SIMILAR
) -> None:
    """Add the interfaces of these names; after all other routes, whose paths theirs could be.

    Args:
        app: of the service.
        endpoint: serves requests.
        kept: the analyses.
        names: which interfaces. Where both have it, ``/analyzer/`` is the site's.
        similar: as of ``predict_router``.
    """
    if not names:
        return
    add_refusals(app)
    app.include_router(media_router(kept, endpoint))
    if "analysis-site" in names:
        app.include_router(records_router(kept, endpoint, _SITE, ["/analyzer"]))
    if "analysis-module" in names:
        app.include_router(records_router(kept, endpoint, _MODULE, ["", "/analyzer"]))
    if "predict" in names:
        app.include_router(predict_router(kept, endpoint, similar))
