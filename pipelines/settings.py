"""All that an operator sets through the environment, each under STUDIO_ and its name in capitals.

MODEL                            the engine of visitors who choose none (default auto)
DEVICES                          where models run: auto (the default: every GPU there is, else the processor), or a list
                                 such as "cuda:0, cuda:2" or "cpu"; each has models and a worker of its own
BACKEND                          where models run: local (the default: in this process, on DEVICES); ray, in replicas on
                                 this machine; ray://HOST:PORT, in those of a cluster that this machine is a member of
                                 (docs/scale.md; needs requirements-cluster.txt)
REPLICAS                         how many replicas a cluster has, such as 2, or as needed between two numbers, such as
                                 1-8 (default 1)
MAX_WAITING                      how many requests for portraits may wait in line (default 64)
FILTERS_AT_ONCE                  how many portraits the instant filters paint at a time: 1 to 16, or 0 (the default),
                                 which is one for each core, four at most
PRESETS                          folder with styles/, scenes/ and models/ of your own, read at the start beside those of
                                 this project; a file must not have the name of one that is there
TEMP_DIR                         where the private temporary folder is made, instead of the system's
SAFETY_CHECKER                   There are two picture checkers: one comes with the studio, one is downloaded.
                                 auto: each looks at every portrait where it is there; required: no diffusion picture is
                                 made without both; where-needed: the same, but for the built-in model, which can only
                                 repaint your photo in the styles that it was trained on; off: neither is asked.
                                 Default: where-needed on a Hugging Face Space, else auto
IDENTITY                         a file of strangers, made by python -m pipelines.strangers: visitors may then have
                                 measured how close a portrait is to their photo, each after a tick of its own
PORTRAITS_PER_MINUTE             of one session (default 60; 0 is no limit, here and below)
PORTRAITS_PER_HOUR               of one session (default 600)
PORTRAITS_PER_HOUR_PER_ADDRESS   of one network address, over all its sessions (default 2400)
CONSENTS_PER_HOUR_PER_ADDRESS    visits that one network address may begin (default 300)
AWAY_SECONDS                     how long a visit waits for its page, which was closed or reloaded or has lost its
                                 connection (default 300, at most 1800; 0 ends it at once). The consent text names it
KIOSK                            for exhibitions: seconds without a touch after which a visit is deleted; the page asks
                                 before (15 to 3600; default 0, no kiosk). A closed page is then waited for no longer
                                 than that, and portraits are fetched on a phone, over a link that works once
KIOSK_ADDRESS                    address under which phones reach the studio, such as https://studio.example.org, where
                                 it is another one than that of the kiosk's own browser
REFUSALS_PER_HOUR                refused words of one session, after which its words are not read for a while
                                 (default 10; three times as many for a network address)
TRUSTED_PROXIES                  how many proxies of your own stand in front and append to X-Forwarded-For
                                 (default 0: the header is not believed)
MISUSE_LOG                       file for the log of refusals, rotated at 1 MB, five kept (default: none)
OPERATOR                         who runs the studio and how to reach them, as visitors read it
STUDY_FOLDER                     a folder switches the study on: portraits whose visitors allow it are kept there
STUDY_ABOUT                      one sentence that tells visitors what the study is for; needed with a folder
STUDY_UNTIL                      the last day, YYYY-MM-DD, on which anything is kept; needed with a folder. Once it is
                                 over, the app starts without the study and deletes the copies in the folder
SHARED_URL                       several fronts behind a balancer: a PostgreSQL database in which they share consents
                                 and the counts of limits (default: none, both are in the memory of this process)
SHARED_KEY                       a secret of 32 characters or more, the same at all fronts; needed with SHARED_URL. What
                                 is counted there, by session and network, is stored under hashes made with it
STUDIES                          user studies that are open here, by id (presets/studies) or by the path of their file,
                                 with commas between; each must be frozen (python -m study freeze)
STUDIES_FOLDER                   where studies keep their key, database and portraits (default: the folder
                                 self-portrait-studio/studies in the user's data folder)
STUDY_DATABASE_URL               without STUDIO_ before it: a PostgreSQL database for studies, instead of a file
STUDY_RESEARCHERS                without STUDIO_ before it: who may see the studies at /research, as lines that
                                 python -m study researcher NAME prints; without it nobody
OPERATOR_TOKEN                   what opens the page /models, where models are downloaded and deleted: 16 characters or
                                 more, or off for no such page (default: a random one that is printed at the start; on
                                 a Hugging Face Space off)
C2PA_CERTIFICATE, C2PA_KEY       the operator's own, PEM: the leaf first, then all its issuers; the key
C2PA_EARLIER                     certificates that signed before, PEM: each leaf followed by its issuers. What they
                                 signed stays this studio's own
C2PA_TSA                         address of a time stamp authority (RFC 3161); none is asked by default
CREDENTIALS_DIR                  where the studio's own certificate lies, instead of the user's data folder
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipelines.errors import SettingsError

AWAY_SECONDS = 300
NO_PAGE = "off"
_SHORTEST_KIOSK = 15
_SHORTEST_TOKEN = 16
_SHORTEST_KEY = 32
_HEAD_PORT = 6379  # of a cluster
CheckerUse = Literal["auto", "required", "where-needed", "off"]
_Count = Annotated[int, Field(ge=0, le=1_000_000)]
_Line = Annotated[str, Field(max_length=300), BeforeValidator(lambda text: " ".join(str(text).split()))]
# Others set these, not the operator.
_OUTSIDE = {
    "root_path": "GRADIO_ROOT_PATH",
    "space_id": "SPACE_ID",
    "space_host": "SPACE_HOST",
    "xdg_data_home": "XDG_DATA_HOME",
    "study_database_url": "STUDY_DATABASE_URL",
    "study_researchers": "STUDY_RESEARCHERS",
}
_WANTED = {
    "devices": 'auto, or a list such as "cuda:0, cuda:2" or "cpu"',
    "safety_checker": "auto, required, where-needed or off",
    "backend": "local, ray, or ray://HOST:PORT",
    "replicas": "a number from 1 to 999, or two such as 1-8",
    "max_waiting": "a number from 1 to 500",
    "filters_at_once": "a number from 1 to 16, or 0 for one a core, four at most",
    "away_seconds": "a whole number from 0 to 1800",
    "kiosk": "0, or a whole number of seconds from 15 to 3600",
    "kiosk_address": "an address that begins with https:// or http://",
    "operator": "at most 300 characters long",
    "study_about": "at most 300 characters long",
    "operator_token": "off, or 16 to 300 characters long",
    "study_until": "a day, written as 2027-06-30",
    "shared_url": "an address such as postgresql://user:password@host:5432/fronts",
    "shared_key": "32 to 300 characters long",
}


def _not_too_short(seconds: int) -> int:
    if 0 < seconds < _SHORTEST_KIOSK:
        raise ValueError("there would be no time to answer")
    return seconds


class Backend(NamedTuple):
    """A cluster in which models run.

    Attributes:
        address: HOST:PORT of its head; "" for one that is begun on this machine, for this studio alone.
    """

    address: str


class Replicas(NamedTuple):
    """How many processes of a cluster paint, at least and at most; where these differ, as many as are needed."""

    least: int
    most: int


def _backend(text: object) -> object:
    """None for the models of this process."""
    if text is None or isinstance(text, Backend):
        return text
    text = str(text).strip().lower()
    if text == "local":
        return None
    if text == "ray":
        return Backend("")
    found = re.fullmatch(r"ray://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?/?", text)
    port = int(found[2] or _HEAD_PORT) if found is not None else 0
    if found is None or not 0 < port < 65536:
        raise ValueError("no address of a cluster")
    return Backend(f"{found[1]}:{port}")


def _replicas(text: object) -> object:
    if isinstance(text, Replicas):
        return text
    found = re.fullmatch(r"(\d{1,3})(?:\s*-\s*(\d{1,3}))?", str(text).strip())
    least, most = (int(found[1]), int(found[2] or found[1])) if found is not None else (0, 0)
    if not 1 <= least <= most:
        raise ValueError("no number of replicas")
    return Replicas(least, most)


def _device_names(names: str) -> str:
    """In small letters; whether they are here only torch knows."""
    names = names.lower()
    if names != "auto" and not all(re.fullmatch(r"cpu|mps|cuda(:\d{1,3})?", name.strip()) for name in names.split(",")):
        raise ValueError("no device")
    return names


def _token(text: str) -> str:
    if text and text != NO_PAGE and len(text) < _SHORTEST_TOKEN:
        raise ValueError("it could be guessed")
    return text


def _web_address(address: str) -> str:
    if address and not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", address):
        raise ValueError("no address")
    return address.rstrip("/")


def _postgresql(url: str) -> str:
    if url and not re.match(r"postgresql(\+psycopg)?://", url):
        raise ValueError("another database")
    return url


def _key(text: str) -> str:
    if 0 < len(text) < _SHORTEST_KEY:
        raise ValueError("it could be guessed")
    return text


def lends_gpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a ZeroGPU Space: it has no GPU, and borrows one for each call of a function that is marked so."""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


class Settings(BaseModel):
    """What the operator has set; 0 is no limit, "" and None are not set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "auto"
    devices: Annotated[_Line, AfterValidator(_device_names)] = "auto"
    backend: Annotated[Backend | None, BeforeValidator(_backend)] = None
    replicas: Annotated[Replicas, BeforeValidator(_replicas)] = Replicas(1, 1)
    max_waiting: Annotated[int, Field(ge=1, le=500)] = 64
    filters_at_once: Annotated[int, Field(ge=0, le=16)] = 0
    presets: Path | None = None
    temp_dir: Path | None = None
    away_seconds: Annotated[int, Field(ge=0, le=1800)] = AWAY_SECONDS
    safety_checker: CheckerUse = "auto"
    identity: Path | None = None
    portraits_per_minute: _Count = 60
    portraits_per_hour: _Count = 600
    portraits_per_hour_per_address: _Count = 2400
    consents_per_hour_per_address: _Count = 300
    refusals_per_hour: _Count = 10
    kiosk: Annotated[int, Field(ge=0, le=3600), AfterValidator(_not_too_short)] = 0
    kiosk_address: Annotated[_Line, AfterValidator(_web_address)] = ""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    misuse_log: Path | None = None
    operator: _Line = ""
    study_folder: Path | None = None
    study_about: _Line = ""
    study_until: date | None = None
    shared_url: Annotated[str, Field(max_length=2000), AfterValidator(_postgresql)] = ""
    shared_key: Annotated[str, Field(max_length=300), AfterValidator(_key)] = ""
    studies: Annotated[str, Field(max_length=2000)] = ""
    studies_folder: Path | None = None
    study_database_url: str = ""
    study_researchers: str = ""
    operator_token: Annotated[str, Field(max_length=300), AfterValidator(_token)] = ""
    c2pa_certificate: str = ""
    c2pa_key: str = ""
    c2pa_earlier: str = ""
    c2pa_tsa: str = ""
    credentials_dir: str = ""
    root_path: str = ""
    space_id: str = ""
    space_host: _Line = ""
    xdg_data_home: str = ""

    @property
    def on_space(self) -> bool:
        """Whether this is a Hugging Face Space."""
        return bool(self.space_id)

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """The settings of an environment.

        Raises:
            SettingsError: One of them has no meaning; the hint names it.
        """
        names = {field: _OUTSIDE.get(field, f"STUDIO_{field.upper()}") for field in cls.model_fields}
        values: dict[str, Any] = {
            field: text for field, name in names.items() if (text := environment.get(name, "").strip())
        }
        if "space_id" in values:  # open to everybody, so nothing is shown there that nobody looked at
            values.setdefault("safety_checker", "where-needed")
            values.setdefault("operator_token", NO_PAGE)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            field = str(error.errors()[0]["loc"][0])
            wanted = _WANTED.get(field, "a whole number of 0 or more")
            raise SettingsError(f"The setting {names[field]} must be {wanted}; correct it and start again.") from error
