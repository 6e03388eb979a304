"""Ways of fine-tuning: one file each, one line here."""

from robustbench_mt.methods.bi_drop import BiDrop
from robustbench_mt.methods.child_tuning import ChildTuningD, ChildTuningF
from robustbench_mt.methods.class_weighted import ClassWeighted
from robustbench_mt.methods.focal import Focal
from robustbench_mt.methods.freelb import FreeLB
from robustbench_mt.methods.label_smoothing import LabelSmoothing
from robustbench_mt.methods.llrd import LayerwiseDecay
from robustbench_mt.methods.logit_adjustment import LogitAdjustment
from robustbench_mt.methods.lora import Lora
from robustbench_mt.methods.match import Match
from robustbench_mt.methods.method import Method
from robustbench_mt.methods.mixout import Mixout
from robustbench_mt.methods.mixup import Mixup
from robustbench_mt.methods.noisytune import NoisyTune
from robustbench_mt.methods.r3f import R3F
from robustbench_mt.methods.r_drop import RDrop
from robustbench_mt.methods.resampling import Oversample, Undersample
from robustbench_mt.methods.smart import Smart
from robustbench_mt.methods.supcon import SupCon
from robustbench_mt.methods.vanilla import Vanilla

__all__ = ["METHODS", "Method"]

METHODS: dict[str, type[Method]] = {
    "vanilla": Vanilla,
    "match": Match,
    "r-drop": RDrop,
    "supcon": SupCon,
    "mixup": Mixup,
    "r3f": R3F,
    "smart": Smart,
    "freelb": FreeLB,
    "mixout": Mixout,
    "noisytune": NoisyTune,
    "child-tuning-f": ChildTuningF,
    "child-tuning-d": ChildTuningD,
    "bi-drop": BiDrop,
    "llrd": LayerwiseDecay,
    "lora": Lora,
    "label-smoothing": LabelSmoothing,
    "class-weighted": ClassWeighted,
    "focal": Focal,
    "logit-adjustment": LogitAdjustment,
    "oversample": Oversample,
    "undersample": Undersample,
}
