"""What Prometheus reads at /metrics: for who has the operator's token, as `Authorization: Bearer TOKEN`.

And for whoever sits at this machine, where /models opens to them, too. Says nothing of visitors.
"""

from __future__ import annotations

from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipelines.errors import TooOften
from pipelines.measures import CONTENT_TYPE
from visits.studio import Studio
from web.addresses import connection_network
from web.calls import NO_STORE
from web.errors import sentence
from web.local_machine import is_at_this_machine
from web.models_page import OperatorToken, trusts_this_machine
from web.sign_in import Gate, is_foreign

ADDRESS = "/metrics"
_WHO = "prometheus"
_SCHEME = "bearer "


def build_metrics_routes(studio: Studio) -> list[Route]:
    """The route; none where the operator's pages are off (STUDIO_OPERATOR_TOKEN)."""
    if not studio.operator_token:
        return []
    settings = studio.settings
    gate = Gate(OperatorToken(studio.operator_token), cookie="studio_metrics")  # counts wrong tries; sets no cookie
    trusts = trusts_this_machine(settings)

    async def told(request: Request) -> Response:
        if is_foreign(request):
            return _refusal(HTTPStatus.FORBIDDEN, "This was asked by a page of another site.")
        if not (trusts and is_at_this_machine(request)):
            given = request.headers.get("authorization", "")
            if not given.lower().startswith(_SCHEME):
                return _refusal(HTTPStatus.UNAUTHORIZED, "Send the operator's token as a bearer token.")
            network = connection_network(request, settings.trusted_proxies)
            try:
                word = await run_in_threadpool(gate.sign_in, _WHO, given[len(_SCHEME) :].strip(), network)
            except TooOften as error:
                return _refusal(HTTPStatus.TOO_MANY_REQUESTS, sentence(error))
            if word is None:
                return _refusal(HTTPStatus.UNAUTHORIZED, "This is not the token.")
        text = await run_in_threadpool(studio.pipeline.measures.text)
        return Response(text, headers={**NO_STORE, "Content-Type": CONTENT_TYPE})

    return [Route(ADDRESS, told)]


def _refusal(status: HTTPStatus, words: str) -> Response:
    headers = {**NO_STORE, "WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else NO_STORE
    return PlainTextResponse(words, status, headers=headers)
