"""What all of the page's own HTTP calls have in common: whose they are, how a body is read, how a refusal looks."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from languages.saying import say
from pipelines.errors import ConsentMissing, PhotoUnreadable, PortraitError, RegisterAway
from visits.studio import Studio
from visits.visit import Visit
from web.errors import sentence
from web.in_language import SpokenJSON
from web.isolation import OWNS

KEY_HEADER = "x-studio-key"
NO_STORE = {"Cache-Control": "no-store"}


class Calls:
    """Calls of visits, over one studio."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def guarded(self, request: Request, key: str, answer: Callable[[Visit], Any]) -> Response:
        """Answer whoever has the key and sends from the browser (or program) that it was given to."""
        try:
            if self._studio.consents.is_shared:  # a database is asked: nobody else waits for its answer
                visit = await run_in_threadpool(self._studio.visits.require_key, key)
            else:
                visit = self._studio.visits.require_key(key)
            if not request.scope[OWNS](visit.session):  # a picture's address, key included, may have been passed on
                raise ConsentMissing(say("This belongs to another browser's visit. Open the page to begin your own."))
            return await answer(visit)
        except ClientDisconnect:  # a newer photo was chosen, or the page was closed: nobody reads an answer
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except ConsentMissing as error:
            return problem(HTTPStatus.FORBIDDEN, sentence(error))
        except RegisterAway as error:
            return problem(HTTPStatus.SERVICE_UNAVAILABLE, sentence(error))
        except PortraitError as error:
            return problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence(error))
        except Exception as error:
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, sentence(error))


async def read_body(request: Request, limit: int, too_large: str) -> bytes:
    """The raw body. Not multipart, whose parser would spool it to the disk."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PhotoUnreadable(too_large)
        chunks.append(chunk)
    return b"".join(chunks)


def problem(status: HTTPStatus, words: str, headers: dict[str, str] | None = None) -> Response:
    return SpokenJSON({"sentence": words}, status_code=status, headers={**NO_STORE, **(headers or {})})
