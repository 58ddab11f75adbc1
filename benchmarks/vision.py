# SPDX-License-Identifier: Apache-2.0
"""Pixels of a drive, beside peers on the same columns: writes doc/explanation/benchmarks.md.

python benchmarks/vision.py BAG [--dry] [--frames N]

BAG is a recording of frames (CompressedImage) and their masks (mono8, same stamps); all but the last 16
frames teach. One thread.
"""

# ruff: noqa: ANN001, ANN201

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from measure import LOAD, Table, alternate, machine, put_section

from binclf_ros.core.learning.learner import Learner
from binclf_ros.core.learning.options import LearningOptions
from binclf_ros.core.storage.model_file import save_model
from binclf_ros.vision.frames import Frame, frame_of_compressed, opencv
from binclf_ros.vision.masks import draw
from binclf_ros.vision.options import PIXEL_FEATURES
from binclf_ros.vision.pixels import PixelReader

N_SCORED = 16
EVERY = 7
"""Of the labelled pixels of a frame, one in so many is scored."""
VGA = 640, 480
PROFILES = 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'
START, END = '<!-- vision: written by make bench-vision -->', '<!-- end of vision -->'
TEXT = """## Pixels

One run of `make bench-vision` on {machine}, one thread. A recorded drive of a car, 480 × 360, road
against the rest: 24 frames teach 1,000 pixels each, the last 16 frames, of a later stretch, are scored; the
13 columns of `examples/road.yaml`. All learn from the same pixels. The time is that of a frame: for ours
from the picture to the mask, for the others from columns that are there already. The load average was
{load} at the start.

{Quality}

| work | figure | target |
| --- | --- | --- |
{Facts}
"""


@dataclass
class Drive:
    """Frames, their masks, and what is taught of the first ones, X (m, N) and y (m,)."""

    frames: list[Frame]
    masks: list[np.ndarray]
    X: np.ndarray
    y: np.ndarray
    jpeg: list[bytes]


def read(bag: Path) -> Drive:
    from rosbags.highlevel import AnyReader

    jpeg, masks, stamps = [], [], []
    with AnyReader([bag]) as reader:
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            if connection.msgtype.endswith('CompressedImage'):
                jpeg.append(bytes(message.data))
                stamps.append(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)
            else:
                masks.append(np.array(message.data).reshape(message.height, message.width))
    frames = [decoded(each) for each in jpeg]
    reader, taught = PixelReader(PIXEL_FEATURES), []
    for frame, mask, stamp in list(zip(frames, masks, stamps))[:-N_SCORED]:
        pixels, y = draw(mask, 1000, stamp)
        taught.append((reader.columns(frame, pixels), y))
    return Drive(
        frames, masks, np.concatenate([X for X, _ in taught]), np.concatenate([y for _, y in taught]), jpeg
    )


def decoded(jpeg: bytes) -> Frame:
    return frame_of_compressed(SimpleNamespace(format='jpeg', data=jpeg))


def learned(drive: Drive, feature_map: str):
    learner = Learner('bench', LearningOptions(buffer_capacity=len(drive.y), feature_map=feature_map))
    learner.take(PixelReader(PIXEL_FEATURES).names, drive.X, drive.y)
    return learner.descend().model


def peers(drive: Drive) -> dict:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = {
        'LogisticRegression': make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8)),
        'HistGradientBoosting': HistGradientBoostingClassifier(random_state=0),
        'RandomForest': RandomForestClassifier(100, n_jobs=1, random_state=0),
    }
    return {f'scikit-learn {name}': each.fit(drive.X, drive.y) for name, each in made.items()}


def scores(drive: Drive, predict) -> tuple[float, float, float]:
    """Return accuracy, IoU and log loss of predict(frame) (H, W) over the last frames."""
    answers, truth = [], []
    for frame, mask in list(zip(drive.frames, drive.masks))[-N_SCORED:]:
        labeled = np.flatnonzero(mask.reshape(-1) < 2)[::EVERY]
        answers.append(predict(frame, labeled))
        truth.append(mask.reshape(-1)[labeled])
    p, y = np.clip(np.concatenate(answers), 1e-7, 1 - 1e-7), np.concatenate(truth)
    seen = p >= 0.5
    log_loss = -np.log(np.where(y == 1, p, 1.0 - p)).mean()
    return (seen == y).mean(), (seen & (y == 1)).sum() / (seen | (y == 1)).sum(), log_loss


def compare(drive: Drive, models: dict, table: Table) -> list:
    """Fill the table; return facts."""
    reader, found, calls = PixelReader(PIXEL_FEATURES), {}, {}
    frame = drive.frames[-1]
    X = reader.columns(frame, np.arange(frame.height * frame.width))
    for name, model in models.items():
        if name.startswith('ours'):
            own = PixelReader(PIXEL_FEATURES)
            predict = lambda f, at, own=own, model=model: own.predict_proba(f, model).reshape(-1)[at]  # noqa: E731
            calls[name] = lambda own=own, model=model: own.predict_proba(frame, model)
        else:
            predict = lambda f, at, model=model: model.predict_proba(reader.columns(f, at))[:, 1]  # noqa: E731
            calls[name] = lambda model=model: model.predict_proba(X)
        found[name] = scores(drive, predict)
    times = alternate(calls, 30.0)
    for name, (accuracy, iou, log_loss) in found.items():
        ratio = times[name] / times['ours, line']
        cells = [f'{each:.3f}' for each in (accuracy, iou, log_loss)]
        table.add(name, *cells, f'{times[name] * 1e3:.1f} ms', f'{ratio:.1f}')
    line, best = found['ours, line'], found['scikit-learn LogisticRegression']
    boosted, slow = found['scikit-learn HistGradientBoosting'], times['scikit-learn HistGradientBoosting']
    ahead = slow / times['ours, line']
    return [
        ('`line`: accuracy', f'{line[0]:.3f}', '≥ .93', line[0] >= 0.93),
        ('`line`: IoU', f'{line[1]:.3f}', '≥ .82', line[1] >= 0.82),
        ('`line`: log loss', f'{line[2]:.3f}', '≤ .145', line[2] <= 0.145),
        ("`line`: IoU less that of scikit-learn's optimum", f'{line[1] - best[1]:+.4f}', '≤ .01 off',
         abs(line[1] - best[1]) <= 0.01),
        ('`line`: IoU less that of HistGradientBoosting', f'{line[1] - boosted[1]:+.3f}', '≥ -.02',
         line[1] - boosted[1] >= -0.02),
        ("`line`, columns included, against HistGradientBoosting's `predict_proba` without them",
         f'{ahead:.1f} × as fast', '≥ 20', ahead >= 20.0),
    ]  # fmt: skip


def speed(drive: Drive, models: dict) -> list:
    """Return what a frame of VGA takes, all columns included."""
    cv2 = opencv()
    frame = Frame(VGA[1], VGA[0], bgr=cv2.resize(drive.frames[-1].bgr, VGA))
    facts = []
    jpeg = cv2.imencode('.jpg', frame.bgr)[1].tobytes()
    for scale, target in ((1.0, 20), (0.5, 60)):
        for name in ('line', 'curves'):
            reader, model = PixelReader(PIXEL_FEATURES, scale), models[f'ours, {name}']
            took = alternate({'it': lambda r=reader, m=model: r.predict_proba(frame, m)}, 3.0)['it']
            goal = (f'≥ {target}', 1 / took >= target) if name == 'line' else ('', None)
            work = f'640 × 480, 13 columns, `image_scale: {scale:g}`, `{name}`'
            facts.append((work, f'{1 / took:.0f} frames a second', *goal))
    took = alternate({'it': lambda: decoded(jpeg)}, 2.0)['it']
    return [*facts, ('decoding a JPEG of 640 × 480', f'{took * 1e3:.1f} ms', '', None)]


def memory(drive: Drive, model, n_frames: int) -> list:
    """Return what a live predictor takes in memory over frames of VGA."""
    profile = str(Path(__file__).resolve().parents[1] / 'config' / 'fastdds_large_clouds.xml')
    os.environ.update(dict.fromkeys(PROFILES, profile))
    os.environ.update(ROS_DOMAIN_ID='78', ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST')
    from probe import Probe, Server
    from sensor_msgs.msg import Image

    cv2 = opencv()
    pixels = cv2.resize(drive.frames[-1].bgr, VGA)
    message = Image(height=VGA[1], width=VGA[0], encoding='bgr8', step=3 * VGA[0])
    message.data.frombytes(pixels.tobytes())
    probe, heard, resident = Probe(), [0], []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'model.json'
        save_model(file, model)
        server = Server('vision', 'predictor', parameters=[f'model_file:={file}'])
        try:
            out = probe.publisher(Image, '/vision/image', 5)
            probe.subscribe(Image, '/vision/classified_image', lambda data: heard.append(heard.pop() + 1))
            probe.until(lambda: heard[0], lambda: out.publish(message), 0.3, 'a mask')
            began, cpu = time.perf_counter(), server.cpu_sec()
            while len(resident) < n_frames:
                n = heard[0]
                out.publish(message)
                probe.until(lambda n=n: heard[0] > n, every_sec=0.005, what='a mask')
                resident.append(server.resident_mib())
            rate = n_frames / (time.perf_counter() - began)
            load = (server.cpu_sec() - cpu) / n_frames
        finally:
            server.end()
            probe.close()
    early, late = max(resident[: n_frames // 5]), max(resident[-n_frames // 5 :])
    return [
        ('live predictor, 640 × 480 raw, one frame at a time', f'{rate:.0f} frames a second', '', None),
        ('live predictor, CPU a frame', f'{load * 1e3:.0f} ms', '', None),
        (f'live predictor, memory over {n_frames:,} frames', f'{late:.0f} MiB', '≤ 150', late <= 150),
        ('… of the last fifth less the first', f'{late - early:+.1f} MiB', 'flat', late - early < 5.0),
    ]


def write(table: Table, facts: list) -> None:
    lines = [
        f'| {work} | {figure} | {target} {"" if met is None else "met" if met else "MISSED"} |'
        for work, figure, target, met in facts
    ]
    text = TEXT
    values = {'machine': machine(), 'load': LOAD, 'Quality': table.text(), 'Facts': '\n'.join(lines)}
    for name, value in values.items():
        text = text.replace('{' + name + '}', value)
    put_section(Path(__file__).resolve().parents[1] / 'doc/explanation/benchmarks.md', START, text, END)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('bag', type=Path, help='a folder of rosbag2')
    arguments.add_argument('--dry', action='store_true', help='write nothing')
    arguments.add_argument('--frames', type=int, default=1000, help='for the memory of the live predictor')
    given = arguments.parse_args()
    drive = read(given.bag)
    models = {f'ours, {name}': learned(drive, name) for name in ('line', 'curves')} | peers(drive)
    table = Table('', 'accuracy', 'IoU', 'log loss', 'a frame of 480 × 360', '÷ line')
    facts = compare(drive, models, table)
    facts += speed(drive, models)
    facts += memory(drive, models['ours, line'], given.frames)
    print(table.text())
    print(json.dumps(facts, ensure_ascii=False, indent=1, default=str))
    if not given.dry:
        write(table, facts)
    return 0


if __name__ == '__main__':
    sys.exit(main())
