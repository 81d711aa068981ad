"""One optimisation that can be stopped at any time and goes on as if it had not been: used by both stages.

All randomness of a step follows from (seed, stage, step), so a checkpoint needs weights, optimiser and step only.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import math
import signal
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TextIO, TypeVar

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from training.config import StageConfig, TrainConfig

Batch = dict[str, torch.Tensor]
LossOf = Callable[[Batch, torch.Generator, np.random.Generator], torch.Tensor]

N = TypeVar("N", bound=nn.Module)

_AHEAD = 6  # batches made before they are needed
_LOG_EVERY = 20


class Stage(Generic[N]):
    """One network being optimised, with its averaged copy, in a folder of its own.

    Attributes:
        network: What is trained.
        ema: Its exponential moving average; what is sampled from and exported.
        step: Optimiser steps done.
        losses: Loss of the last steps of this process.
    """

    def __init__(self, name: str, network: N, config: TrainConfig, plan: StageConfig, folder: Path) -> None:
        self.name, self.config, self.plan, self.folder = name, config, plan, folder
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        # Twice the speed on processors, and what a GPU's tensor cores want.
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(
            [weight for weight in self.network.parameters() if weight.requires_grad],
            lr=plan.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=1e-3,
            fused=True,
        )
        self.step = 0
        self.losses: list[float] = []
        self._stop = False
        self._began = time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def checkpoint(self) -> Path:
        """Where this stage is saved."""
        return self.folder / f"{self.name}.pt"

    def resume(self) -> bool:
        """Continue from the last checkpoint, if there is one."""
        if not self.checkpoint.exists():
            return False
        state = torch.load(self.checkpoint, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        return True

    def save(self) -> None:
        """Write the checkpoint: beside the old one, then in its place, so that a cut power line loses minutes only."""
        state = {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        temporary.replace(self.checkpoint)

    def random(self, step: int, purpose: str) -> np.random.Generator:
        """The numbers of one step and purpose."""
        return np.random.default_rng((self.config.seed, zlib.crc32(f"{self.name}/{purpose}".encode()), step))

    def crop_and_batch(self, step: int) -> tuple[int, int]:
        """Side of the crops and pictures a step, at this point of the plan."""
        plan = self.plan
        if plan.large_crop and step >= plan.steps * (1 - plan.large_share):
            return plan.large_crop, max(1, plan.batch_size * plan.crop**2 // plan.large_crop**2)
        return plan.crop, plan.batch_size

    def run(
        self,
        draw: Callable[[int, np.random.Generator], Batch],
        loss_of: LossOf,
        *,
        sheet: Callable[[N, Path], None] | None = None,
        until: int | None = None,
    ) -> None:
        """Train to the end of the plan, or `until` a step, or SIGTERM or SIGINT; then save.

        Args:
            draw: Makes a step's batch on the CPU, in a thread of its own: (step, numpy generator) -> tensors.
            loss_of: (batch on the device, torch generator, numpy generator) -> loss.
            sheet: Draws a sample sheet of the averaged network into a file.
            until: Stop before this step, with the plan's learning rate unchanged.
        """
        last = min(self.plan.steps, until or self.plan.steps)
        self._began = saved = drawn = time.monotonic()
        recent: list[torch.Tensor] = []
        with self._signals(), (self.folder / f"{self.name}.jsonl").open("a") as log:
            bar = tqdm(total=self.plan.steps, initial=self.step, desc=self.name, unit="step", mininterval=5)
            for batch in self._prefetched(draw, self.step, last):
                recent.append(self._advance(batch, loss_of))
                bar.update()
                if len(recent) == _LOG_EVERY or self.step == last:
                    self._note(recent, bar, log)
                    recent = []
                now = time.monotonic()
                if now - saved > self.config.checkpoint_seconds:
                    self.save()
                    saved = time.monotonic()
                if sheet and now - drawn > self.config.sheet_seconds:
                    sheet(self.ema, self.folder / f"{self.name}-{self.step:06d}.jpg")
                    drawn = time.monotonic()
                if self.config.minutes and now - self._began > 60 * self.config.minutes:
                    self._stop = True
                if self._progress() >= 1:
                    break
                if self._stop:
                    break
            bar.close()
        self.save()
        if sheet:
            sheet(self.ema, self.folder / f"{self.name}-{self.step:06d}.jpg")

    def _note(self, recent: list[torch.Tensor], bar: tqdm[Any], log: TextIO) -> None:
        """Losses are fetched from the device in one go; asking at every step would make it wait."""
        values = torch.stack(recent).tolist()
        self.losses += values
        mean = float(np.mean(values))
        bar.set_postfix(loss=f"{mean:.4f}")
        log.write(json.dumps({"step": self.step, "loss": round(mean, 5), "time": round(time.time(), 1)}) + "\n")
        log.flush()

    @property
    def stopped(self) -> bool:
        """Whether a signal or the clock ended the run before the plan did."""
        return self._stop

    def _advance(self, batch: Batch, loss_of: LossOf) -> torch.Tensor:
        numbers = self.random(self.step, "loss")
        noise = torch.Generator(self.device).manual_seed(int(numbers.integers(2**62)))
        moved = {key: value.to(self.device, non_blocking=True) for key, value in batch.items()}
        for group in self.optimiser.param_groups:
            group["lr"] = self._learning_rate()
        amp = self.config.amp and self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=amp):
            loss = loss_of(moved, noise, numbers)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return loss.detach()

    def _learning_rate(self) -> float:
        plan = self.plan
        warm = min(1.0, (self.step + 1) / max(1, plan.warmup))
        fall = 0.5 * (1 + math.cos(math.pi * self._progress()))
        return plan.learning_rate * warm * (0.05 + 0.95 * fall)

    def _progress(self) -> float:
        """Share of the plan that is done, by steps or by the clock, whichever is further."""
        clock = (time.monotonic() - self._began) / (60 * self.config.within) if self.config.within else 0.0
        return min(1.0, max(self.step / self.plan.steps, clock))

    @torch.no_grad()
    def _average(self) -> None:
        """A young average forgets faster, so that early samples are not those of the untrained weights."""
        decay = min(self.config.ema_decay, (1 + self.step) / (10 + self.step))
        averaged: list[torch.Tensor] = [*self.ema.parameters()]
        torch._foreach_lerp_(averaged, [*self.network.parameters()], 1 - decay)

    def _prefetched(self, draw: Callable[[int, np.random.Generator], Batch], first: int, last: int) -> Iterator[Batch]:
        """Batches in order, made ahead of their use by a few threads; what is in them depends on the step only."""
        with ThreadPoolExecutor(max(1, self.config.threads // 2), f"{self.name}-batches") as pool:
            ahead: deque[Future[Batch]] = deque()
            ordered = iter(range(first, last))
            for step in itertools.islice(ordered, _AHEAD):
                ahead.append(pool.submit(draw, step, self.random(step, "draw")))
            try:
                while ahead:
                    batch = ahead.popleft().result()
                    for step in itertools.islice(ordered, 1):
                        ahead.append(pool.submit(draw, step, self.random(step, "draw")))
                    yield batch
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the run after the step at hand."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stop = True

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
