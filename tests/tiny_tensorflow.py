"""Tiny models of TensorFlow: a universal sentence encoder, and a language model with a state.

Both are made only where TensorFlow is installed; the recipes that need them say what is missing elsewhere.
"""

import hashlib
from functools import partial
from importlib.util import find_spec
from pathlib import Path

__all__ = ["make_models"]

_ENCODER = "https://tfhub.dev/google/universal-sentence-encoder/3"


def make_models(root: Path, words: list[str]) -> None:
    """Make both in their caches below ``root``, if TensorFlow is installed."""
    if find_spec("tensorflow") is None:
        return
    _make_sentence_encoder(root / "tfhub" / hashlib.sha1(_ENCODER.encode()).hexdigest())
    _make_language_model(root / "textattack/constraints/semantics/language-models/alzantot-goog-lm", words)


def _make_sentence_encoder(folder: Path) -> None:
    """The mean of vectors of the words' hashes."""
    import tensorflow as tf

    class Encoder(tf.Module):
        def __init__(self) -> None:
            self.vectors = tf.Variable(tf.random.stateless_normal([512, 16], seed=(0, 0)))

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, sentences: tf.Tensor) -> tf.Tensor:
            hashes = tf.strings.to_hash_bucket_fast(tf.strings.split(sentences), 512)
            return tf.reduce_mean(tf.gather(self.vectors, hashes), axis=1)

    tf.saved_model.save(Encoder(), str(folder))


def _make_language_model(folder: Path, words: list[str]) -> None:
    """A graph with the tensors that TextAttack asks the original for by name; like it, each run moves its state on."""
    import tensorflow.compat.v1 as tf

    vocabulary = ["<S>", "</S>", "UNK", *words]
    folder.mkdir(parents=True)
    (folder / "vocab-2016-09-10.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    size, width = len(vocabulary), 8
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(0)
        inputs = tf.placeholder(tf.int32, [1, 1], "inputs_in")
        tf.placeholder(tf.int32, [1, 1], "targets_in")
        tf.placeholder(tf.float32, [1, 1], "target_weights_in")
        characters = tf.placeholder(tf.int32, [1, 1, 50], "char_inputs_in")
        variable = partial(tf.get_variable, dtype=tf.float32, use_resource=False)
        normal, zeros = tf.random_normal_initializer(), tf.zeros_initializer()
        words_in = variable("words", [size, width], initializer=normal)
        recurrent = variable("recurrent", [width, width], initializer=normal)
        words_out = variable("output", [width, size], initializer=normal)
        state = variable("state", [1, width], initializer=zeros, trainable=False)
        tf.group(state.assign(tf.zeros([1, width])), name="states_init")
        moved = state.assign(tf.tanh(state @ recurrent + tf.gather(words_in, inputs[0])))
        for layer in range(2):
            tf.identity(moved, f"lstm/lstm_{layer}/control_dependency")
        tf.nn.softmax(moved @ words_out, name="softmax_out")
        for name in ("class_ids_out", "class_weights_out", "log_perplexity_out", "Reshape_3", "global_step"):
            tf.identity(tf.constant(0.0), name)
        tf.reduce_sum(characters, name="all_embs_out")
        # The original's checkpoint is of the first format, which takes a pattern such as ckpt-*.
        saver = tf.train.Saver(write_version=tf.train.SaverDef.V1, name="save")
        session.run(tf.global_variables_initializer())
        saver.save(session, str(folder / "ckpt-tiny"), write_meta_graph=False, write_state=False)
        tf.io.write_graph(graph, str(folder), "graph-2016-09-10-gpu.pbtxt")
