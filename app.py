"""Self-Portrait Studio: reads the settings, builds the studio, launches the page.

    python app.py [--host 127.0.0.1] [--port 7860]

Settings from the environment: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, and those of `pipelines.settings`.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial

# Before any library that would phone home is imported; what an operator has set otherwise does not count.
os.environ.update(
    GRADIO_ANALYTICS_ENABLED="False",
    GRADIO_RUN_HISTORY="False",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_UPDATE_CHECK="1",
    DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
    ORT_DISABLE_TELEMETRY="1",
)
if os.environ.get("SPACES_ZERO_GPU"):  # a Space that lends GPUs: its package stands in for CUDA, before anybody asks
    from ui.lender import keep_weights

    keep_weights()
    import spaces  # noqa: F401

from pipelines.cluster import joining
from pipelines.engines.base import EngineSource
from pipelines.errors import PortraitError, SettingsError
from pipelines.faithfulness.identity import FaceNetwork, IdentityMeter, Strangers
from pipelines.hub.jobs import Downloads
from pipelines.hub.offers import offers
from pipelines.presets.loading import all_presets
from pipelines.safety.review import build_safety
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.settings import NO_PAGE, Settings, lends_gpu
from study.archive import PortraitArchive
from study.consent import ConsentRegistry
from study.consent_records import SharedRecords
from study.notice import load_notices
from study.opening import open_studies
from study.register import open_register
from study.settings import read_settings
from ui.serving import Serving, serve
from ui.zero_gpu import lend_gpu
from visits.counts import SharedCounts
from visits.folder import PrivateFolder
from visits.limits import Limits
from visits.open_visits import Visits
from visits.studio import Studio
from visits.uploads import Uploads
from visits.visit import KEEP_MINUTES, KEEP_SECONDS
from web.errors import sentence
from web.gradio_seams import cached_copies, forget_values
from web.logs import set_up_logging
from web.models_page import how_models_open
from web.process import end_process, every, no_core_dumps, stop_on_signals
from web.server import cannot_listen

log = logging.getLogger("studio")

SWEEP_SECONDS = 10.0
_LOOK_UP_SECONDS = 0.5


def build_studio(folder: PrivateFolder, engines: EngineSource | None = None) -> Studio:
    """Everything behind the page, not yet warm.

    Args:
        engines: Who makes the pictures; left out, the instant filters and the model stacks of the presets.
    """
    settings, presets = Settings.read(), all_presets()
    safety = build_safety(settings)
    cluster = joining.Cluster(settings, presets.models, safety.why_not) if settings.backend is not None else None
    pipeline = SelfPortraitPipeline(
        presets,
        folder.portraits,
        max_waiting=settings.max_waiting,
        automatic=settings.model,
        devices=settings.devices,
        filters_at_once=settings.filters_at_once,
        safety=safety,
        engines=engines if cluster is None else {joining.NAME: cluster.engines},
        identity=_identity(settings),
    )
    if cluster is not None:
        cluster.open(pipeline)
    people = read_settings(os.environ)
    # At a kiosk the next visitor may open what the last one closed.
    away = min(settings.away_seconds, settings.kiosk) if settings.kiosk else settings.away_seconds
    strangers = len(pipeline.identity.strangers.descriptors) if pipeline.identity is not None else 0
    notices = load_notices(
        people, minutes=KEEP_MINUTES, away_seconds=away, kiosk_seconds=settings.kiosk, strangers=strangers
    )
    register = open_register(settings)
    counts = SharedCounts(register) if register is not None else None
    records = SharedRecords(register) if register is not None else None
    consents = ConsentRegistry(notices[0], notices[1:], records)
    study = people.study or people.ended
    archive = PortraitArchive(study.folder, study.until) if study is not None else None
    if archive is not None and people.ended is not None:
        archive.purge()
        print(f"The study is off: its last day was {archive.until}, and its copies are deleted.", flush=True)
    uploads = Uploads(folder.path, cached_copies, counts)
    visits = Visits(pipeline, consents, uploads, archive, away)
    studies = open_studies(
        settings,
        styles=presets.styles,
        scenes=presets.scenes,
        engines=[engine.id for engine in pipeline.engines() if engine.available],
        authority=people.authority,
    )
    token = settings.operator_token or secrets.token_urlsafe(18)
    return Studio(
        presets,
        pipeline,
        consents,
        visits,
        uploads,
        archive,
        Limits(settings, counts=counts),
        studies,
        downloads=Downloads(offers(presets.models), pipeline.weights_changed),
        operator_token="" if token == NO_PAGE else token,
    )


def _identity(settings: Settings) -> IdentityMeter | None:
    """Who places portraits among strangers; None where the operator has named none.

    Raises:
        SettingsError: The strangers cannot be read, or what compares faces is not installed.
    """
    if settings.identity is None:
        return None
    if reason := FaceNetwork.why_not():
        raise SettingsError(f"STUDIO_IDENTITY cannot work: {reason} Or leave the setting out.")
    return IdentityMeter(Strangers.read(settings.identity.expanduser()))


def launch(studio: Studio, *, host: str | None, port: int | None, block: bool = True) -> Serving:
    """Serve the page, and forget by age what was given to it.

    Args:
        studio: From build_studio.
        host: Address to listen on; None is this machine only.
        port: Port; None takes the first free one from 7860.
        block: Whether to stay until the process is told to stop.

    Raises:
        OSError: The port is taken, or there is no such address.
    """
    serving = serve(studio, host, port)
    print(f"Self-Portrait Studio is open at {serving.url}", flush=True)
    if studio.operator_token:
        print(how_models_open(studio, serving.url), flush=True)
    every(
        SWEEP_SECONDS,
        studio.visits.sweep,
        studio.uploads.sweep,
        studio.limits.sweep,
        partial(forget_values, serving.page),
    )
    if studio.studies is not None:
        every(60.0, studio.studies.sweep, studio.sittings.sweep)
        for study in studio.studies.running:
            print(f"The study is open at {serving.url.rstrip('/')}/study/{study}", flush=True)
    if studio.settings.study_researchers:
        print(f"Researchers sign in at {serving.url.rstrip('/')}/research", flush=True)
    while block:  # until a signal raises KeyboardInterrupt
        time.sleep(_LOOK_UP_SECONDS)  # the system may hand it to another thread, which does not wake this one
    return serving


def _warm_up(studio: Studio) -> None:
    try:
        studio.pipeline.warm_up()
    except PortraitError as error:
        studio.pipeline.warming = sentence(error)  # stays on the banner: without this nothing works


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app; 1 and one sentence on stderr where it cannot start."""
    parser = argparse.ArgumentParser(description="Turn a photo of yourself into portraits.")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME"), help="address to listen on")
    parser.add_argument("--port", type=int, default=os.environ.get("GRADIO_SERVER_PORT"), help="port to listen on")
    options = parser.parse_args(arguments)
    set_up_logging()
    no_core_dumps()
    stop_on_signals()
    try:
        return _run(options.host, options.port)
    except KeyboardInterrupt:
        return 0


def _run(host: str | None, port: int | None) -> int:
    try:
        folder = PrivateFolder(Settings.read().temp_dir)
        folder.use_for_gradio()
        studio = build_studio(folder)
        if lends_gpu():
            lend_gpu(studio.pipeline, folder.path)
    except PortraitError as error:
        print(error.hint, file=sys.stderr)
        return 1
    every(60.0, lambda: folder.purge_older_than(KEEP_SECONDS))
    threading.Thread(target=_warm_up, args=(studio,), name="warm-up", daemon=True).start()
    try:
        launch(studio, host=host, port=port)
    except OSError as error:
        log.debug("cannot listen", exc_info=error)
        print(cannot_listen(error, host, port), file=sys.stderr)
        return 1
    finally:
        folder.remove()  # first of all: connections that are still open may take their time
        studio.consents.close()
        folder.remove()  # and once more: a portrait that was being finished may have made it anew
    return 0


if __name__ == "__main__":
    end_process(main())
