"""Directories of sentence encoders that tests may change."""

import shutil

import pytest

__all__ = ["model_copy", "tiny_encoder"]


@pytest.fixture(scope="module")
def tiny_encoder(tmp_path_factory):
    """Every recipe's resources are there; the directory of a tiny encoder."""
    import tiny_resources

    root = tmp_path_factory.mktemp("resources")
    encoder = tiny_resources.make_resources(root)
    with tiny_resources.placed(root):
        yield encoder


@pytest.fixture
def model_copy(tmp_path):
    """The small files of MiniLM, with an empty file for its weights."""
    from attacks.sentence_encoder import find_encoder

    source = find_encoder("minilm")
    shutil.copytree(source, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "model/model.safetensors").touch()
    return tmp_path / "model"
