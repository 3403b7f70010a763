"""torch.export archives: same numbers, the user's names, all refusals at once."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmcompile.diagnostics import NmError
from nmcompile.frontends import load
from nmcompile.frontends.torch_export import exported_to_network
from nmcompile.ir import ops
from nmcompile.ir.legality import verify
from nmcompile.ir.network import Network
from nmcompile.ir.program import Preprocess

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch

Rewrite = Callable[[Path, Path, Mapping[str, bytes | None]], None]


def randomised(module: nn.Module) -> nn.Module:
    """Evaluation mode with every parameter and statistic random: no symmetry hides a mistake."""
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            random = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(random.abs() + 0.5 if "running_var" in name else random)
    return module.eval()


def exported(module: nn.Module, *shape: int) -> Any:
    return torch.export.export(module, (torch.zeros(*shape),))


def same_numbers(module: nn.Module, network: Network, *shape: int) -> None:
    from nmcompile.reference.float import FloatRunner

    x = torch.randn(3, *shape[1:], generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with torch.no_grad():
        wanted = module.double()(x).numpy()
    found = FloatRunner(network).run(x.numpy()).output
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * np.abs(wanted).max())
    assert np.abs(wanted).max() > 0


def converted(module: nn.Module, *shape: int) -> Network:
    network = exported_to_network(exported(randomised(module), *shape), "main")
    same_numbers(module, network, *shape)
    return network


class Everything(nn.Module):
    """All supported layers, on a non-square input with asymmetric kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, (5, 3), stride=(2, 1), padding=(2, 0), dilation=(1, 2)),
            nn.BatchNorm2d(8, eps=1e-3),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
        )
        self.grouped = nn.Conv2d(8, 8, 3, padding="same", groups=4, bias=False)
        self.norm = nn.BatchNorm2d(8, affine=False)
        self.pool = nn.AvgPool2d((2, 3), (2, 1), padding=(0, 1))
        self.end = nn.AdaptiveAvgPool2d((1, 1))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = torch.relu(x + self.norm(self.grouped(x)))
        x = self.end(self.pool(x) * 0.5 + 0.25)
        result: torch.Tensor = self.head(self.drop(torch.flatten(x, 1))) / 4
        return result


def test_all_layers_compute_the_same() -> None:
    network = converted(Everything(), 1, 3, 29, 37)
    origins = [n.origin for n in network.nodes if n.origin]
    assert origins[:5] == ["stem.0", "stem.1", "stem.2", "stem.3", "grouped"]
    assert "head" in origins
    assert len({n.name for n in network.nodes}) == len(network.nodes)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(24, 3, bias=False)), (1, 2, 3, 4)),
        (nn.Sequential(nn.Linear(6, 3), nn.ReLU()), (1, 6)),
        (nn.Conv2d(2, 2, 3, bias=False), (4, 2, 7, 9)),
        (nn.AdaptiveAvgPool2d((2, 3)), (1, 2, 4, 9)),
        (nn.MaxPool2d(2), (1, 2, 5, 7)),
        (nn.Sequential(nn.Identity(), nn.Conv2d(1, 1, (1, 4), padding="valid")), (1, 1, 3, 9)),
    ],
)
def test_single_layers(module: nn.Module, shape: tuple[int, ...]) -> None:
    converted(module, *shape)


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((-1, 2)).view(x.shape[0], -1)


class Twice(nn.Module):
    """One module called twice, and one result that nobody uses."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.conv(x + 1.0)
        result: torch.Tensor = self.conv(torch.relu(self.conv(x)))
        return result


def test_mean_and_shared_modules() -> None:
    converted(Mean(), 1, 3, 4, 5)
    network = converted(Twice(), 1, 2, 6, 7)
    convolutions = [n for n in network.nodes if isinstance(n.op, ops.Conv2d)]
    assert len(convolutions) == 2  # the unused branch is gone


class Refused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), nn.MaxPool2d(3, 2, padding=1))
        self.up = nn.Upsample(scale_factor=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.features[0](x)
        a, b = self.features[2](y), self.features[1](y)
        return torch.cat([a, a], 1) if a.shape[0] > 1 else self.up(b)


def test_all_refusals_at_once_with_module_paths() -> None:
    with pytest.raises(NmError) as caught:
        exported_to_network(exported(Refused().eval(), 1, 3, 9, 9), "main")
    found = {(d.where, d.code) for d in caught.value.diagnostics}
    assert found == {("features.1", "NM0120"), ("features.2", "NM0120")}
    text = str(caught.value)
    assert "aten.silu.default" in text
    assert "padding=[1, 1]" in text
    assert "upsample" not in text  # it only depends on what was refused


class TwoInputs(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


class TwoOutputs(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x + 1, x * 2


def test_interface() -> None:
    x = torch.zeros(1, 3, 8, 8)
    batch = torch.export.Dim("batch", min=2, max=9)
    conv = nn.Conv2d(3, 2, 3)
    programs = {
        "2 inputs": torch.export.export(TwoInputs(), (x, x)),
        "2 outputs": torch.export.export(TwoOutputs(), (x,)),
        "changes its own state": torch.export.export(
            nn.BatchNorm2d(3).train(), (x,)
        ).run_decompositions(),
        "symbolic": torch.export.export(
            conv, (torch.zeros(3, 3, 8, 8),), dynamic_shapes=({0: batch},)
        ),
        "shape": torch.export.export(nn.ReLU(), (torch.zeros(3, 8, 8),)),
    }
    for word, program in programs.items():
        with pytest.raises(NmError, match=word) as caught:
            exported_to_network(program, "main")
        assert caught.value.codes == ("NM0121",)


@pytest.mark.parametrize("module", [nn.Dropout(), nn.BatchNorm2d(3)])
def test_training_mode(module: nn.Module) -> None:
    with pytest.raises(NmError, match="eval") as caught:
        exported_to_network(exported(module.train(), 2, 3, 4, 4), "main")
    assert caught.value.codes == ("NM0120",)


def test_computed_weights() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 2, 3)).eval()
    with pytest.raises(NmError, match="computed, not stored") as caught:
        exported_to_network(exported(model, 1, 2, 5, 5), "main")
    assert caught.value.codes == ("NM0120",)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    torch.export.save(exported(randomised(model), 1, 3, 8, 9), tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


def test_file(file: Path) -> None:
    model = load(file)
    verify(model.program)
    assert model.kind == "pt2"
    assert model.program.name == "net"
    assert [s.name for s in model.program.schedule] == ["main"]
    assert "without normalisation" in model.program.assumptions[0]
    again = load(file, preprocess=Preprocess(range=1.0))
    assert again.program.preprocess.range == 1.0
    assert again.program.assumptions == ()
    assert again.program.networks == model.program.networks


def test_bfloat16_and_shared_storage(tmp_path: Path) -> None:
    model = nn.Conv2d(2, 2, 3).to(torch.bfloat16).eval()
    program = torch.export.export(model, (torch.zeros(1, 2, 5, 5, dtype=torch.bfloat16),))
    network = exported_to_network(program, "main")
    op = network.nodes[1].op
    assert isinstance(op, ops.Conv2d)
    np.testing.assert_array_equal(op.weight.data, model.weight.detach().float().numpy())


def test_not_finite(tmp_path: Path) -> None:
    model = nn.Conv2d(1, 2, 1).eval()
    model.weight.data[0] = float("nan")
    torch.export.save(exported(model, 1, 1, 3, 3), tmp_path / "m.pt2")
    with pytest.raises(NmError, match="1 of 2") as caught:
        load(tmp_path / "m.pt2")
    assert caught.value.codes == ("NM0122",)


def edited(file: Path, change: Callable[[Any], None], name: str) -> bytes:
    with zipfile.ZipFile(file) as archive:
        top = archive.namelist()[0].split("/")[0]
        body = json.loads(archive.read(f"{top}/{name}"))
    change(body)
    return json.dumps(body).encode()


WEIGHTS = "data/weights/model_weights_config.json"
MODEL = "models/model.json"


def _sizes(body: Any) -> None:
    body["config"]["0.weight"]["tensor_meta"]["sizes"][0]["as_int"] = 10**9


def _stride(body: Any) -> None:
    body["config"]["0.weight"]["tensor_meta"]["strides"][0]["as_int"] = 10**6


def _offset(body: Any) -> None:
    body["config"]["0.weight"]["tensor_meta"]["storage_offset"]["as_int"] = -4


def _dtype(body: Any) -> None:
    body["config"]["0.weight"]["tensor_meta"]["dtype"] = 9


def _schema(body: Any) -> None:
    body["schema_version"]["major"] = 99


def _graph(body: Any) -> None:
    del body["graph_module"]["graph"]["nodes"][0]["inputs"][0]["arg"]


@pytest.mark.parametrize(
    ("name", "change", "code"),
    [
        (WEIGHTS, _sizes, "NM0105"),
        (WEIGHTS, _stride, "NM0105"),
        (WEIGHTS, _offset, "NM0105"),
        (WEIGHTS, _dtype, "NM0118"),
        (MODEL, _schema, "NM0118"),
        (MODEL, _graph, "NM0105"),
    ],
)
def test_damaged_archives(
    tmp_path: Path,
    file: Path,
    rewrite: Rewrite,
    name: str,
    change: Callable[[Any], None],
    code: str,
) -> None:
    rewrite(file, tmp_path / "m.pt2", {name: edited(file, change, name)})
    with pytest.raises(NmError) as caught:
        load(tmp_path / "m.pt2")
    assert caught.value.codes == (code,)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({MODEL: b"{not json"}, "NM0105"),
        ({MODEL: b"[" * 100_000}, "NM0105"),
        ({MODEL: b"[]"}, "NM0105"),
        ({MODEL: None}, "NM0118"),
        ({"models/other.json": b"{}"}, "NM0118"),
        ({"data/weights/weight_0": None}, "NM0105"),
        ({WEIGHTS: None, "data/weights/model.pt": b"x"}, "NM0118"),
        ({"byteorder": b"big"}, "NM0118"),
    ],
)
def test_wrong_members(
    tmp_path: Path,
    file: Path,
    rewrite: Rewrite,
    changes: Mapping[str, bytes | None],
    code: str,
) -> None:
    rewrite(file, tmp_path / "m.pt2", changes)
    with pytest.raises(NmError) as caught:
        load(tmp_path / "m.pt2")
    assert caught.value.codes == (code,)
