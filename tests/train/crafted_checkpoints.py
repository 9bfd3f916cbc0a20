"""Checkpoints whose digest is right and whose content no run writes: how each is made."""

import torch

NAN = float("nan")


def _moments(stored, number=0):
    return stored["optimizer_state_dict"]["state"][number]


CRAFTED = {
    "exp_avg of another size": lambda s: _moments(s).update(exp_avg=torch.zeros(1)),
    "exp_avg far too large": lambda s: _moments(s).update(exp_avg=torch.zeros(99, 3, 3, 3)),
    "exp_avg_sq negative": lambda s: _moments(s)["exp_avg_sq"].fill_(-1),
    "exp_avg NaN": lambda s: _moments(s)["exp_avg"].fill_(NAN),
    "exp_avg as float64": lambda s: _moments(s).update(exp_avg=_moments(s)["exp_avg"].double()),
    "exp_avg sparse": lambda s: _moments(s).update(exp_avg=_moments(s)["exp_avg"].to_sparse()),
    "exp_avg no tensor": lambda s: _moments(s).update(exp_avg=0.0),
    "no exp_avg": lambda s: _moments(s).pop("exp_avg"),
    "one moment more": lambda s: _moments(s).update(max_exp_avg_sq=torch.zeros(1)),
    "step of Adam infinite": lambda s: _moments(s)["step"].fill_(float("inf")),
    "step of Adam negative": lambda s: _moments(s)["step"].fill_(-1),
    "step of Adam a vector": lambda s: _moments(s).update(step=torch.ones(7)),
    "a parameter that is not": lambda s: s["optimizer_state_dict"]["state"].update(
        {99: _moments(s)}
    ),
    "a parameter with a name": lambda s: s["optimizer_state_dict"]["state"].update(
        {"0": _moments(s)}
    ),
    "no moments": lambda s: s["optimizer_state_dict"]["state"].clear(),
    "no groups": lambda s: s["optimizer_state_dict"].update(param_groups=[]),
    "groups of other parameters": lambda s: s["optimizer_state_dict"]["param_groups"][0].update(
        params=[1, 0]
    ),
    "weights of another shape": lambda s: s["model_state_dict"].update(
        {"feat_extract.bias": torch.zeros(5)}
    ),
    "weights infinite": lambda s: s["model_state_dict"]["feat_extract.bias"].fill_(float("inf")),
    "weights missing": lambda s: s["ema_state_dict"].pop("feat_extract.bias"),
    "weights of more layers": lambda s: s["ema_state_dict"].update(more=torch.zeros(1)),
    "weights as integers": lambda s: s["model_state_dict"].update(
        {"feat_extract.bias": torch.zeros(4, dtype=torch.int64)}
    ),
    "no weights": lambda s: s.update(model_state_dict=None),
    "step negative": lambda s: s.update(step=-1),
    "step true": lambda s: s.update(step=True),
    "step a fraction": lambda s: s.update(step=2.0),
    "step endless": lambda s: s.update(step=1 << 80),
    "more skipped than made": lambda s: s.update(skipped=3),
    "more averaged than made": lambda s: s.update(ema_updates=9),
    "no step": lambda s: s.pop("step"),
    "random state short": lambda s: s["random_state"].update(cpu=torch.zeros(3, dtype=torch.uint8)),
    "random state of zeros": lambda s: s["random_state"]["cpu"].zero_(),
    "random state of a card short": lambda s: s["random_state"].update(
        cuda=torch.zeros(3, dtype=torch.uint8)
    ),
    "no random state": lambda s: s.update(random_state={}),
    "scale zero": lambda s: s.update(scaler_state_dict={"scale": 0.0, "_growth_tracker": 0}),
    "scale NaN": lambda s: s.update(scaler_state_dict={"scale": NAN, "_growth_tracker": 0}),
    "scale a text": lambda s: s.update(scaler_state_dict={"scale": "1", "_growth_tracker": 0}),
    "best without figures": lambda s: s.update(best={"step": 1}),
    "best to come": lambda s: s.update(best={"step": 5, "psnr": 1.0, "gain_bicubic_db": 1.0}),
    "best of texts": lambda s: s.update(best={"step": 1, "psnr": "1", "gain_bicubic_db": 1.0}),
    "aside a text": lambda s: s.update(aside="12"),
    "aside negative": lambda s: s.update(aside=[-1]),
    "interval of other terms": lambda s: s.update(
        interval={"terms": torch.zeros(1, 1, 2), "grad_norm": 0.0, "seconds": 0.0}
    ),
    "interval of no steps": lambda s: s.update(
        interval={"terms": torch.zeros(1, 0, 6), "grad_norm": 0.0, "seconds": 0.0}
    ),
    "footage no digest": lambda s: s.update(footage={"training": "x"}),
    "settings no TOML": lambda s: s.update(settings="]"),
    "settings no text": lambda s: s.update(settings=3),
    "settings of no network": lambda s: s.update(settings="[model]\nn_feats = 'many'"),
    "settings of no schedule": lambda s: s.update(
        settings=s["settings"].replace("max_steps = 8", "max_steps = 'all'")
    ),
    "format a text": lambda s: s.update(format="2"),
    "format zero": lambda s: s.update(format=0),
}
