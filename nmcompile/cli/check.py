"""``nmcompile check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nmcompile.cli.harness import Session, command
from nmcompile.cli.options import (
    Bits,
    Calibrate,
    Config,
    ModelFile,
    NirDt,
    NirReset,
    OnlyNetwork,
    Percentile,
    Preset,
    ScheduleName,
    SplitFanIn,
    TargetName,
    Timesteps,
    nir_options,
    recipe_of,
)

if TYPE_CHECKING:
    from nmcompile.build.feasibility import Fit


@command
def check(
    session: Session,
    model: ModelFile,
    target: TargetName,
    config: Config = None,
    preset: Preset = None,
    timesteps: Timesteps = None,
    calibrate: Calibrate = None,
    weight_bits: Bits = None,
    percentile: Percentile = None,
    split_fan_in: SplitFanIn = False,
    schedule: ScheduleName = "",
    network: OnlyNetwork = None,
    nir_dt: NirDt = 1e-4,
    nir_reset: NirReset = "zero",
) -> dict[str, Any]:
    """Does it fit? Every limit: used, allowed, where, and who says so. Writes nothing."""
    from nmcompile.build.compiled import Options
    from nmcompile.build.feasibility import feasibility
    from nmcompile.cli.fit_text import fit_text
    from nmcompile.frontends import load
    from nmcompile.target import load_target

    recipe = recipe_of(
        config, preset, timesteps, weight_bits, percentile, split_fan_in=split_fan_in
    )
    options = Options(recipe, calibrate, verify=False, schedule=schedule)
    nir = nir_options(nir_dt, nir_reset)
    chip = load_target(target)
    found = _only(feasibility(load(model, nir=nir), chip, options), network)
    session.out(fit_text(found))
    session.report(*found.notes, *found.problems)
    verdict = "does not fit" if found.problems else "fits"
    session.out(f"\n{model.name} {verdict} {chip.name}")
    return found.as_json()


def _only(found: Fit, network: str | None) -> Fit:
    """The answer with one of the networks.

    Raises:
        NmError: NM0001 when there is no such network on the chip.
    """
    from dataclasses import replace

    from nmcompile.diagnostics import Diagnostic, NmError, did_you_mean

    kept = tuple(n for n in found.networks if network in (None, n.network))
    if network is not None and not kept:
        names = [n.network for n in found.networks]
        raise NmError(
            Diagnostic(
                code="NM0001",
                message=f"there is no network `{network}` on the chip",
                where="--network",
                help=(did_you_mean(network, names, "networks"),),
            )
        )
    return replace(found, networks=kept)
