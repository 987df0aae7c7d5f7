#!/usr/bin/env python3
"""Runs Vowpal Wabbit and River over a set of exposures, one core, predict then learn, and prints a JSON object for each.

  .venv/bin/python learners.py SET.vw [--only vw,vw-ftrl,…]

SET.vw is in Vowpal Wabbit's format, labels 1 and -1. VW's time is that of a pass over its own cache, which is made before; River's includes the
making of its dictionaries, since it learns from nothing else. Progressive log-loss and AUC are computed here from the predictions.
"""
import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

TABLE = ["--bit_precision", "22", "--hash", "all", "--loss_function", "logistic", "--link", "logistic"]

VW = {
    "vw": [],
    "vw-ftrl": ["--ftrl", "--ftrl_alpha", "0.1", "--ftrl_beta", "1"],
    "vw-ftrl-l1": ["--ftrl", "--ftrl_alpha", "0.1", "--ftrl_beta", "1", "--l1", "1"],
    "vw-ftrl-small-beta": ["--ftrl", "--ftrl_alpha", "0.1", "--ftrl_beta", "0.03"],
}
WEIGHT = re.compile(r"\d+:(-?[\d.]+(?:e[-+]?\d+)?)")
RIVER = ["river-ftrl"]
RIVER_EXAMPLES = 100_000  # it takes a second for twenty thousand


def judge(labels, predictions):
    """Log-loss in nats, and AUC with ties counted half."""
    p = np.clip(predictions, 1e-15, 1 - 1e-15)
    loss = -np.mean(np.log(np.where(labels, p, 1 - p)))
    values, inverse, counts = np.unique(predictions, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = labels.sum()
    auc = (ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
    return float(loss), float(auc)


def report(name, labels, predictions, cpu, **more):
    loss, auc = judge(labels, np.asarray(predictions))
    print(json.dumps({"name": name, "examples": len(labels), "cpu": cpu, "logloss": loss, "auc": auc, **more}), flush=True)


def children():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def vw(*args):
    """Runs Vowpal Wabbit and returns its CPU seconds."""
    before = children()
    done = subprocess.run([sys.executable, "-m", "vowpalwabbit", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"vw {' '.join(args)}: {done.stderr}")
    return children() - before


def run_vw(path, labels, names):
    if not names:
        return
    with tempfile.TemporaryDirectory() as work:
        cache, predictions, model = (os.path.join(work, f) for f in ("cache", "predictions", "model"))
        vw(*TABLE, "-d", path, "--cache_file", cache, "-k", "--quiet")
        empty = vw(*TABLE, "--quiet", "-d", os.devnull)  # what starting Python and a table costs
        for name in names:
            cpu = vw(*TABLE, *VW[name], "-d", path, "--cache_file", cache, "--quiet")
            vw(*TABLE, *VW[name], "-d", path, "--cache_file", cache, "-p", predictions, "--quiet", "--readable_model", model)
            with open(model, encoding="utf-8", errors="replace") as f:
                weights = filter(None, map(WEIGHT.match, f))
                kept = sum(1 for w in weights if float(w[1]) != 0)
            report(name, labels, np.loadtxt(predictions), max(cpu - empty, 1e-3), nonzero=kept)


def run_river(path, labels):
    from river import linear_model, optim

    model = linear_model.LogisticRegression(optimizer=optim.FTRLProximal(alpha=0.1, beta=1, l1=0, l2=0))
    n = min(len(labels), RIVER_EXAMPLES)
    predictions = np.empty(n)
    began = time.process_time()
    with open(path, encoding="ascii") as f:
        for i in range(n):
            words = f.readline().split()
            x = {words[k] + words[k + 1]: 1 for k in range(1, len(words), 2)}
            y = words[0] == "1"
            predictions[i] = model.predict_proba_one(x).get(True, 0.5)
            model.learn_one(x, y)
    report("river-ftrl", labels[:n], predictions, time.process_time() - began, nonzero=sum(1 for w in model.weights.values() if w != 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set")
    parser.add_argument("--only", default=",".join([*VW, *RIVER]))
    args = parser.parse_args()
    only = args.only.split(",")
    for name in only:
        if name not in [*VW, *RIVER]:
            parser.error(f"no learner {name!r}")
    with open(args.set, encoding="ascii") as f:
        labels = np.array([line.startswith("1") for line in f])
    run_vw(args.set, labels, [name for name in VW if name in only])
    if "river-ftrl" in only:
        run_river(args.set, labels)


if __name__ == "__main__":
    main()
