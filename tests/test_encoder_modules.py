"""What a sentence encoder's directory may not be: no encoder, a pickle, a way to other files or to code."""

import json
import shutil

import pytest
from embedded_packages import needs_minilm

from attacks.sentence_encoder import find_encoder
from attacks.textattack_import import import_textattack
from robustbench_mt.errors import UserError

import_textattack()  # in silence, before anything else imports it


pytestmark = needs_minilm


def test_what_is_no_encoder_is_refused(tmp_path, model_copy, tiny_base):
    with pytest.raises(UserError, match="There is no sentence encoder no/such-model: give minilm, the directory"):
        find_encoder("no/such-model")
    with pytest.raises(UserError, match="There is no sentence encoder"):
        find_encoder(str(tmp_path / "nothing"))
    with pytest.raises(UserError, match=r"is no sentence-transformers model: it has no modules\.json"):
        find_encoder(str(tiny_base))
    modules = json.loads((model_copy / "modules.json").read_text())
    for broken in ("{", "[1]", '{"type": 1}', '[{"path": ""}]'):
        (model_copy / "modules.json").write_text(broken)
        with pytest.raises(UserError, match=r"it has no modules\.json that can be read"):
            find_encoder(str(model_copy))
    modules[1]["type"] = "pooling.MyPooling"
    (model_copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match=r"brings code of its own \(pooling.MyPooling\), which is not run"):
        find_encoder(str(model_copy))


def test_pickled_weights_are_refused(model_copy):
    (model_copy / "model.safetensors").rename(model_copy / "pytorch_model.bin")
    with pytest.raises(UserError, match="no safetensors weights"):
        find_encoder(str(model_copy))


def with_module(model, kind, folder, **files):
    """One more module, and JSON files in its folder."""
    modules = json.loads((model / "modules.json").read_text())
    modules.append({"idx": 3, "name": "3", "path": folder, "type": f"sentence_transformers.models.{kind}"})
    (model / "modules.json").write_text(json.dumps(modules))
    (model / folder).mkdir(exist_ok=True)
    for name, content in files.items():
        (model / folder / f"{name}.json").write_text(json.dumps(content))
    return model / folder


def test_no_module_is_read_from_a_pickle(model_copy):
    """sentence-transformers reads that of any module but the first without a word."""
    dense = with_module(model_copy, "Dense", "2_Dense", config={"activation_function": "torch.nn.modules.Tanh"})
    (dense / "pytorch_model.bin").touch()
    for decoy in ("decoy.safetensors", "model.safetensors.index.json"):
        (dense / decoy).write_text('{"weight_map": {"linear.weight": "decoy.safetensors"}}')
        with pytest.raises(UserError, match=r"2_Dense has no safetensors weights"):
            find_encoder(str(model_copy))
    (dense / "model.safetensors").touch()
    assert find_encoder(str(model_copy)) == model_copy


@pytest.mark.parametrize("folder", ["../outside", "/outside", "1_Pooling/../../outside", "a\0b", "\ud800"])
def test_no_module_is_read_from_elsewhere(folder, model_copy):
    (model_copy.parent / "outside").mkdir()
    modules = json.loads((model_copy / "modules.json").read_text())
    modules[1]["path"] = folder
    (model_copy / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(UserError, match=r"has a module in .* which is not below it"):
        find_encoder(str(model_copy))


HOSTILE_MODULES = {
    "a router's code": ("Router", "router_config", {"types": {"a": "evil.Evil"}}, "brings code of its own"),
    "a router's folder": (
        "Router",
        "config",
        {"types": {"../../a": "sentence_transformers.models.Dense"}},
        "which is not below it",
    ),
    "a tokenizer's code": ("WordEmbeddings", "wordembedding_config", {"tokenizer_class": "evil.E"}, "brings code"),
    "an activation's code": ("Dense", "config", {"activation_function": "evil.Evil"}, "brings code of its own"),
    "an adapter": ("Transformer", "adapter_config", {"base_model_name_or_path": "someone/elses"}, "is an adapter"),
    "an index": (
        "Transformer",
        "model.safetensors.index",
        {"metadata": {}, "weight_map": {"a": "weights.bin"}},
        "names 'weights.bin' as weights",
    ),
    "other files": (
        "Transformer",
        "sentence_bert_config",
        {"model_args": {"torch_dtype": "float32", "adapter_kwargs": {"subfolder": ".."}}},
        "has 'adapter_kwargs' among its model_args",
    ),
}


@pytest.mark.parametrize("name", HOSTILE_MODULES)
def test_what_a_module_may_not_ask_for(name, model_copy):
    kind, file, content, said = HOSTILE_MODULES[name]
    with_module(model_copy, kind, "2_Module", **{file: content})
    with pytest.raises(UserError, match=said):
        find_encoder(str(model_copy))


def test_modules_of_all_kinds_are_read(tiny_encoder, tmp_path):
    """What sentence-transformers saves: layers with weights of their own, and a router with modules below it."""
    from sentence_transformers import SentenceTransformer, models

    plain = SentenceTransformer(str(tiny_encoder), device="cpu", local_files_only=True)
    router = models.Router({"query": [*plain, models.Dense(16, 8)], "document": [*plain, models.Dense(16, 8)]})
    SentenceTransformer(modules=[router], device="cpu").save(str(tmp_path / "routed"))
    # Bases have a configuration.
    shutil.copy(tiny_encoder / "config.json", tmp_path / "routed")
    (loop,) = (tmp_path / "routed").glob("query_1_*")
    (loop / "router_config.json").write_text(json.dumps({"types": {"loop": "sentence_transformers.models.Router"}}))
    (loop / "loop").symlink_to(".")
    assert find_encoder(str(tmp_path / "routed")) == tmp_path / "routed"
    (found,) = tmp_path.glob("routed/query_2_*/model.safetensors")
    found.rename(found.with_name("pytorch_model.bin"))
    with pytest.raises(UserError, match="no safetensors weights"):
        find_encoder(str(tmp_path / "routed"))
