"""The SiamFC definition: shapes, third-party weights, refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.data import DATA
from torch.nn import functional

from nmcompile import architectures
from nmcompile.architectures.siamfc import SiamFC, SiamFCConfig
from nmcompile.diagnostics import NmError

pytestmark = pytest.mark.torch


FDSIAMFC_15 = SiamFCConfig(
    channels=(14, 38, 56, 56, 38),
    kernels=(11, 5, 3, 3, 3),
    strides=(2, 1, 1, 1, 1),
    groups=(1, 2, 1, 2, 2),
    pools=(True, True, False, False, False),
    batch_norm=(True, True, True, True, False),
    bn_eps=1e-6,
    relu=(True, True, True, True, False),
)


@pytest.mark.parametrize(
    ("config", "stride", "exemplar", "search"),
    [(SiamFCConfig(), 8, 8, 24), (FDSIAMFC_15, 8, 6, 22)],
    ids=["shipped", "alexnet"],
)
def test_stated_sizes_are_what_the_network_computes(
    config: SiamFCConfig, stride: int, exemplar: int, search: int
) -> None:
    """Hand-computed sizes, the properties and the module agree."""
    assert (config.total_stride, config.exemplar_features, config.search_features) == (
        stride,
        exemplar,
        search,
    )
    model = SiamFC(config).eval()
    with torch.inference_mode():
        response = model(torch.zeros(1, 3, 127, 127), torch.zeros(1, 3, 255, 255))
    assert response.shape == (1, 1, config.response_size, config.response_size)
    assert config.response_size == 17


def test_the_number_of_layers_follows_the_channels() -> None:
    """Three layers, named as five would be."""
    config = SiamFCConfig.from_mapping(
        {
            "channels": [4, 8, 8],
            "kernels": [7, 2, 1],
            "strides": [4, 2, 1],
            "groups": [1, 1, 2],
            "pools": [False] * 3,
            "batch_norm": [True, False, False],
            "relu": [True] * 3,
        }
    )
    model = SiamFC(config)
    assert (config.layers, config.total_stride) == (3, 8)
    assert {k.rsplit(".", 2)[0] for k in model.state_dict()} == {
        f"backbone.conv{i}" for i in (1, 2, 3)
    }
    assert model.features(torch.zeros(1, 3, 127, 127)).shape[1:] == (8, 15, 15)


def test_parameter_counts_match_the_published_ones() -> None:
    """FDSiamfc_15's state dict holds 55,434 numbers, SiamFC-3s has 2.33 million parameters."""
    assert sum(v.numel() for v in SiamFC(FDSIAMFC_15).state_dict().values()) == 55_434
    full = replace(FDSIAMFC_15, channels=(96, 256, 384, 384, 256), batch_norm=(False,) * 5)
    assert sum(p.numel() for p in SiamFC(full).parameters()) == 2_334_080


def test_correlation_pairs_each_exemplar_with_its_own_search_crop() -> None:
    """Grouped batch correlation equals one plain convolution per pair; bias comes after scale."""
    config = SiamFCConfig(response_scale=0.5, response_bias=-1.0)
    model = SiamFC(config)
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(3, 4, 2, 3, generator=generator)
    x = torch.randn(3, 4, 7, 6, generator=generator)
    paired = model.correlate(z, x)
    for index in range(3):
        single = functional.conv2d(x[index : index + 1], z[index : index + 1]) * 0.5 - 1.0
        torch.testing.assert_close(paired[index : index + 1], single)
    torch.testing.assert_close(model.correlate(z[:1], x[:1]), paired[:1])


def test_a_shifted_object_shifts_the_response() -> None:
    """Moving the picture by one total stride moves the response by one: the stride is right."""
    model = SiamFC(SiamFCConfig()).eval()
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(1, 3, 127, 127, generator=generator)
    wide = torch.randn(1, 3, 255, 263, generator=generator)
    with torch.inference_mode():
        first = model(z, wide[..., :255])
        second = model(z, wide[..., 8:])
    torch.testing.assert_close(first[..., 1:], second[..., :-1], rtol=1e-4, atol=1e-6)


def test_spikes_are_possible_features_of_the_shipped_shape_are_not_negative() -> None:
    """A ReLU ends every layer of the default configuration."""
    features = SiamFC(SiamFCConfig()).features(torch.randn(1, 3, 127, 127))
    assert float(features.detach().min()) >= 0.0


def test_config_survives_json_types() -> None:
    """to_mapping and from_mapping are inverse, and lists are what JSON has."""
    mapping = FDSIAMFC_15.to_mapping()
    assert mapping["channels"] == [14, 38, 56, 56, 38]
    assert SiamFCConfig.from_mapping(mapping) == FDSIAMFC_15


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"channels": []}, "config.channels"),
        ({"channels": [1, 2, 3]}, "config.kernels"),
        ({"channels": [32, 64, 64, 64, True]}, "config.channels"),
        ({"groups": [1, 3, 1, 1, 1]}, "config.groups"),
        ({"relu": [1, 1, 1, 1, 1]}, "config.relu"),
        ({"bn_eps": 0}, "config.bn_eps"),
        ({"response_scale": "0.001"}, "config.response_scale"),
        ({"exemplar_size": 40}, "config.exemplar_size"),
        ({"search_size": 100}, "config.search_size"),
        ({"padding": 1}, "config.padding"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object], where: str) -> None:
    """Each bad value is named in the diagnostic."""
    with pytest.raises(NmError) as error:
        architectures.build("siamfc", change)
    assert error.value.codes == ("NM0111",)
    assert error.value.diagnostics[0].where == where


def test_unknown_architecture_names_the_nearest() -> None:
    """A typing error gets the right name back."""
    with pytest.raises(NmError) as error:
        architectures.build("siamfcc", {})
    assert error.value.codes == ("NM0110",)
    assert any("siamfc?" in line for line in error.value.diagnostics[0].help)
    assert architectures.names() == tuple(sorted(architectures.names()))


@pytest.mark.data
def test_third_party_weights_load_strictly() -> None:
    """FDSiamfc_15's state dict fits without renaming."""
    state = torch.load(DATA / "weights" / "FDSiamfc_15.pth", "cpu", weights_only=True)
    model = SiamFC(FDSIAMFC_15)
    model.load_state_dict(state, strict=True)
