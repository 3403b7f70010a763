"""SpikeTrack's training from nothing: limited by time, resumable, keeps what did best."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.utils.data import DataLoader

from nmcompile.architectures.spiketrack.attention import Positions
from nmcompile.architectures.spiketrack.config import SpikeTrackConfig
from nmcompile.architectures.spiketrack.head import SCORE_MIN, Maps
from nmcompile.architectures.spiketrack.layers import FrozenBN
from nmcompile.architectures.spiketrack.memory import MemoryRetrieval
from nmcompile.architectures.spiketrack.network import SpikeTrack
from training import spiketrack_losses as losses
from training.spiketrack_pairs import Batch, Shots, held_out
from training.state import TimedTraining

LOG = logging.getLogger("train")
CHECK_SECONDS: Final = 240.0
CHECK_SHOTS: Final = 128
NEAR: Final = 0.125
"""Parts of a crop: as far as a box's centre may be off and still be said to be near."""
START_GAIN: Final = 2.0
"""Of keys, values and queries: products of what a start of 1 leaves would hardly make a spike."""
TARGET_PLACES: Final = 1.8
"""Radius of the target in a template's map, places."""
ABSENT: Final = 1
"""Targets of a batch whose search crops are shown another one's template: nothing to find."""
ANSWERS: Final = 0.15
"""Weight of the focal loss of every memory's answer."""
SCORE_BIAS: Final = -2.2
"""Logit at which scores begin: nothing is anywhere."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of pixels in 0..1, as in the published training."""

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Settings:
    """One training.

    Attributes:
        config: shape of the networks.
        minutes: of wall-clock time, earlier runs of the same training counted in.
        state: file from which the training goes on, or a new one.
        fetched: folder of the fetched pictures, or None.
        start: weights to begin with, of a network with fewer templates if so, or None.
        seed: of weights and examples. batch: targets per update. searches: crops per target.
        rate: peak learning rate. decay: of the weights.
    """

    config: SpikeTrackConfig
    minutes: float
    state: Path
    fetched: Path | None = None
    start: State | None = None
    seed: int = 0
    batch: int = 8
    searches: int = 3
    rate: float = 1.5e-3
    decay: float = 1e-4


def thawed(model: SpikeTrack) -> SpikeTrack:
    """The network with batch normalisation that learns where the definition has it frozen."""
    for part in list(model.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, FrozenBN):
                live = nn.BatchNorm2d(len(child.weight), eps=child.eps)
                live.load_state_dict(child.state_dict(), strict=False)
                setattr(part, name, live)
    return model


def frozen(model: nn.Module, config: SpikeTrackConfig) -> SpikeTrack:
    """A network as defined, for evaluation, with weights and statistics of a thawed one."""
    made = SpikeTrack(config)
    known = made.state_dict()
    state = {k: v for k, v in model.state_dict().items() if k in known}
    made.load_state_dict(state)
    return made.eval()


def normalise(crops: torch.Tensor) -> torch.Tensor:
    """Uint8 crops (..., 3, R, R) to the network's input."""
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return (crops.float() / 255 - mean) / std


class Trainer(TimedTraining):
    """A network, its optimiser, the best weights so far."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.net = SpikeTrack(settings.config)
        start_lively(self.net)
        start_matching(self.net)
        if settings.start is not None:
            self.net.load_state_dict(for_templates(settings.start, settings.config.steps))
        self.answers = Answers(thawed(self.net))
        for part in self.net.modules():
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.net.parameters() if not 1 < p.ndim < 5], "weight_decay": 0},
            {"params": [p for p in self.net.parameters() if 1 < p.ndim < 5]},
        ]
        self.optimiser = torch.optim.AdamW(groups, settings.rate, weight_decay=settings.decay)
        if settings.state.exists():
            self.resume(settings.state)

    def maps(self, templates: torch.Tensor, searches: torch.Tensor) -> Maps:
        """Maps of searches (K, N, 3, R, R), K N of them; all of a target ask one memory.

        The first `ABSENT` targets get the memories of the next ones.
        """
        count, order = len(searches), torch.arange(templates.shape[1])
        order[:ABSENT] += ABSENT
        memories = [m[:, order] for m in self.net.template(normalise(templates))]
        crops = normalise(searches).flatten(0, 1)[None]
        found = self.net.search(crops, [m.repeat(1, count, 1, 1, 1) for m in memories])
        return Maps(*(part.float() for part in found))

    def step(self, examples: Batch) -> float:
        """One update; returns its loss."""
        templates, searches, boxes, outlined = examples
        settings = self.settings
        self.set_rate(settings.rate, settings.minutes, 200.0)
        self.net.train()
        with torch.autocast("cpu", torch.bfloat16):
            maps = self.maps(templates, searches)
            answers = self.answers.scores()
        count, boxes = len(searches), boxes.flatten(0, 1)
        present = (torch.arange(len(outlined)) >= ABSENT).repeat(count)
        loss = losses.loss(maps, boxes, outlined.repeat(count), present)
        for score in answers:
            loss = loss + ANSWERS * losses.focal(score.float(), boxes, present)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.updates += 1
        return float(loss.detach())

    @torch.no_grad()
    def check(self, examples: Batch) -> dict[str, float]:
        """Mean overlap on held-out examples; keeps the weights where it is the highest."""
        net = frozen(self.net, self.settings.config)
        templates, searches, boxes, outlined = examples
        found, other = [], []
        for part in torch.split(torch.arange(templates.shape[1]), 32):
            crops = normalise(templates[:, part]), normalise(searches[:, part])
            found.append(losses.found(net(*crops)))
            other.append(losses.found(net(crops[0].roll(1, 1), crops[1])))
        overlap, _ = losses.generalised_overlap(torch.cat(found), boxes[0])
        value = float(overlap[outlined].mean())
        if value > self.best[0]:
            self.best = (value, {k: v.clone() for k, v in net.state_dict().items()})
        return {
            "overlap": value,
            "near": _near(torch.cat(found), boxes[0]),
            "near_with_other_template": _near(torch.cat(other), boxes[0]),
            "best": self.best[0],
        }

    def save(self) -> None:
        """Write the state from which the training can go on."""
        self.save_to(self.settings.state)


class Answers:
    """Tells from the answer of every memory alone where the target is: only in training.

    The score at the end reaches the memories through a deep network, weakly; what an answer tells
    by itself reaches them at once.

    Args:
        net: gets one 1x1 convolution per memory, which `frozen` leaves out.
    """

    def __init__(self, net: SpikeTrack) -> None:
        self._found: list[torch.Tensor] = []
        memories = [part for part in net.modules() if isinstance(part, MemoryRetrieval)]
        self._heads = nn.ModuleList(nn.Conv2d(_width(part), 1, 1) for part in memories)
        for head, part in zip(self._heads, memories, strict=True):
            nn.init.constant_(head.bias, SCORE_BIAS)  # type: ignore[arg-type]
            part.project[1].register_forward_hook(self._keep)
        net.add_module("answers", self._heads)

    def _keep(self, _part: nn.Module, _inputs: object, answer: torch.Tensor) -> None:
        if torch.is_grad_enabled():
            self._found.append(answer)

    def scores(self) -> list[torch.Tensor]:
        """Scores (N, 1, P, P) of every memory of the last search."""
        pairs = zip(self._heads, self._found, strict=True)
        scores = [
            torch.sigmoid(head(answer[0])).clamp(SCORE_MIN, 1 - SCORE_MIN) for head, answer in pairs
        ]
        self._found = []
        return scores


def _width(memory: MemoryRetrieval) -> int:
    """Channels of the map that a memory answers."""
    return memory.positions.search.shape[2]


def _near(found: torch.Tensor, boxes: torch.Tensor) -> float:
    """Share of boxes (N, 4) whose centre is near the true one's."""
    return float(((found[:, :2] - boxes[:, :2]).norm(dim=1) < NEAR).float().mean())


def for_templates(state: State, steps: int) -> State:
    """The weights of a network with one template for one with `steps`: all begin as the first's.

    Weights that know more than one are left as they are.
    """
    made = dict(state)
    if steps == 1 or any(".local.1." in name for name in state):
        return made
    for name, value in state.items():
        if name.endswith("positions.template"):
            made[name] = value[:1].repeat(len(value), 1, 1, 1, 1)
        for layer in (".local.", ".reduce."):
            if f"{layer}0." in name:
                for step in range(1, steps):
                    made[name.replace(f"{layer}0.", f"{layer}{step}.")] = value
    return made


@torch.no_grad()
def start_lively(net: SpikeTrack) -> None:
    """Let every place differ a little, and the head say at first that nothing is anywhere."""
    for part in net.modules():
        if isinstance(part, Positions):
            nn.init.trunc_normal_(part.search, std=0.02)
            nn.init.trunc_normal_(part.template, std=0.02)
    for branch, value in (
        (net.head.score, SCORE_BIAS),
        (net.head.offset, 0.5),
        (net.head.size, -1.1),
    ):
        out = branch.out
        assert isinstance(out, nn.Conv2d)
        assert out.bias is not None
        nn.init.constant_(out.bias, value)


@torch.no_grad()
def start_matching(net: SpikeTrack) -> None:
    """Let memories begin as a comparison of the search crop with what is in the template's middle.

    Keys begin equal to queries, and template positions raise the middle above what surrounds it.
    Without that, a training this short learns what objects look like and asks no template.
    """
    for part in net.modules():
        if not isinstance(part, MemoryRetrieval):
            continue
        part.key.conv.weight.copy_(part.query.conv.weight)
        for layer in (part.key, part.value, part.query, part.refine):
            nn.init.constant_(layer.bn.weight, START_GAIN)
        place = torch.arange(part.side) - (part.side - 1) / 2
        distance = torch.hypot(place[None, :], place[:, None])
        part.positions.template += 1 - 2 * torch.sigmoid(2 * (distance - TARGET_PLACES))


def train(settings: Settings) -> Trainer:
    """Train until the time is used up; the best held-out weights are in `Trainer.best`."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    trainer, config = Trainer(settings), settings.config
    check = held_out(CHECK_SHOTS, config.size, config.steps)
    # A training that goes on sees other examples than before.
    shots = Shots(
        settings.seed + trainer.updates,
        settings.batch,
        config.size,
        config.steps,
        settings.searches,
        settings.fetched,
    )
    source = iter(DataLoader(shots, batch_size=None, num_workers=1, prefetch_factor=4))
    begun, before, checked = time.monotonic(), trainer.elapsed_s, 0.0
    running = 0.0
    while trainer.elapsed_s < 60.0 * settings.minutes:
        loss = trainer.step(next(source))
        running = 0.98 * running + 0.02 * loss if running else loss
        now = time.monotonic()
        trainer.elapsed_s = before + now - begun
        if now - checked > CHECK_SECONDS:
            _tell(trainer, running, trainer.check(check))
            trainer.save()
            checked = time.monotonic()
    _tell(trainer, running, trainer.check(check))
    trainer.save()
    return trainer


def _tell(trainer: Trainer, loss: float, told: dict[str, float]) -> None:
    figures = {"loss": round(loss, 4), **{k: round(v, 4) for k, v in told.items()}}
    LOG.info("minute %.1f updates %d %s", trainer.elapsed_s / 60.0, trainer.updates, figures)
