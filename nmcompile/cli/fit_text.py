"""The answer of ``nmcompile check`` for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from nmcompile.cli.text import table
from nmcompile.report.design_tables import closest
from nmcompile.report.text import first_of, plural

if TYPE_CHECKING:
    from nmcompile.backends.base import LayerRow
    from nmcompile.build.feasibility import Fit, NetworkFit
    from nmcompile.report.sections import Utilisation

MANY_NETWORKS: Final = 8
"""Above this every network is one row, and every limit stands once, where it is closest."""


def fit_text(fit: Fit) -> str:
    """Networks, limits and who says so, what the host does; blocks with a line between them."""
    networks = fit.networks
    many = len(networks) > MANY_NETWORKS
    blocks = list(_overview(fit) if many else _one_by_one(networks))
    limits = [limit for network in networks for limit in network.limits]
    sources = {limit.limit: limit.source for limit in limits}
    blocks += [
        table(list(sources.items()), ("limit", "source")) if sources else "",
        table(_host_rows(fit.host), ("on the host", "why")) if fit.host else "",
        table(list(fit.pooling), ("pooling layer", "scheme")) if fit.pooling else "",
        table(list(fit.matching), ("matching", "where")) if fit.matching else "",
    ]
    return "\n\n".join(block for block in blocks if block)


def _one_by_one(networks: Sequence[NetworkFit]) -> Iterator[str]:
    """Cores, what the layers take where that is known, and every limit."""
    for network in networks:
        head = f"{network.network}: {_cores(network)}{plural(network.ticks, 'tick')} an inference"
        if network.spreads:
            head += "\nthe fewest cores: a build spreads it over those that the chips have left"
        lists = [_records(rows) for rows in (network.layers, network.curve) if rows]
        limits = [(limit.limit, *_used(limit), limit.where) for limit in network.limits]
        if limits:
            lists.append(table(limits, ("limit", "used", "allowed", "share", "where"), "lrrrl"))
        yield "\n\n".join(["\n".join([head, *lists[:1]]), *lists[1:]])


def _overview(fit: Fit) -> Iterator[str]:
    """A row for every network, and every limit where a network comes closest to it."""
    rows = []
    for network in fit.networks:
        cores = "-" if network.cores is None else f"{network.cores:,}"
        chips = "-" if network.chips is None else f"{network.chips:,}"
        layers = str(len(network.layers)) if network.layers else "-"
        rows.append((network.network, cores, chips, str(network.ticks), layers))
    yield table(rows, ("network", "cores", "chips", "ticks", "layers"), "lrrrr")
    known = [network.cores for network in fit.networks if network.cores is not None]
    about = "" if all(network.mapped for network in fit.networks) else "about "
    chips = "" if fit.chips is None else f" of {plural(fit.chips, 'chip')}"
    yield (
        f"{len(fit.networks)} networks on {about}{sum(known):,} cores{chips}; --network NAME shows "
        "the layers and limits of one, --json those of all"
    )
    limits = [
        (limit.limit, *_used(limit), name, limit.where)
        for name, limit in closest((n.network, row) for n in fit.networks for row in n.limits)
    ]
    if limits:
        head = ("limit, where closest", "used", "allowed", "share", "network", "where")
        yield table(limits, head, "lrrrll")


def _cores(network: NetworkFit) -> str:
    if network.cores is None or network.chips is None:
        return ""
    about = "" if network.mapped else "about "
    return f"{about}{network.cores:,} cores on {plural(network.chips, 'chip')}, "


def _records(rows: Sequence[LayerRow]) -> str:
    """Rows that name their columns; numbers to the right."""
    columns = tuple(rows[0])
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    right = "".join(
        "r" if all(_is_number(row.get(column)) for row in rows) else "l" for column in columns
    )
    return table(cells, tuple(column.replace("_", " ") for column in columns), right)


def _cell(value: str | int | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else value


def _is_number(value: str | int | None) -> bool:
    return not isinstance(value, str) or value.replace(".", "", 1).isdigit()


def _used(limit: Utilisation) -> tuple[str, str, str]:
    share = f"{100 * limit.share:.0f} %" if limit.allowed else "-"
    return f"{limit.used:,}", f"{limit.allowed:,}", share


def _host_rows(host: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Steps for the same reason share a row."""
    steps: dict[str, list[str]] = {}
    for step, reason in host:
        steps.setdefault(reason, []).append(step)
    return [(first_of(own), reason) for reason, own in steps.items()]
