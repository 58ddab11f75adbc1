# SPDX-License-Identifier: Apache-2.0
"""Pixels as samples, and the probability of all of them: live as taught."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binclf_ros.core.errors import SampleError
from binclf_ros.core.learning.feature_maps import FEATURE_MAPS
from binclf_ros.core.learning.model import Model
from binclf_ros.core.learning.taught import Taught
from binclf_ros.vision.frames import Frame
from binclf_ros.vision.pixels import PixelReader
from binclf_ros.vision.planes import SCALES

pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')

FEATURES = (
    'lab_l',
    'blur(lab_a, 7)',
    'std(gray, 5)',
    'edge(gray, 3)',
    'row',
    'abs(col - 0.5)',
    'red - blue',
)
RANDOM = np.random.default_rng(0)
FRAME = Frame(48, 64, bgr=RANDOM.integers(0, 256, (48, 64, 3), dtype=np.uint8))
ALL = np.arange(48 * 64)


def model(features=FEATURES, seed=0):
    """A model whose z is of the size of 1."""
    generator = np.random.default_rng(seed)
    X = PixelReader(features).columns(FRAME, ALL) if features == FEATURES else np.ones((2, len(features)))
    mean, scale = X.mean(axis=0), X.std(axis=0) + 1e-3
    weights = generator.normal(size=len(features)) / scale
    return Model(
        'run', 1, 0.0, tuple(features), tuple(weights), float(-weights @ mean), tuple(mean), tuple(scale),
        10, 5, 0.5, True,
    )  # fmt: skip


def test_columns_are_the_planes_of_the_pixels():
    X = PixelReader(('red', 'row', 'red - blue')).columns(FRAME, np.array([0, 65, 3071]))
    red, blue = FRAME.bgr[:, :, 2].reshape(-1).astype(int), FRAME.bgr[:, :, 0].reshape(-1).astype(int)
    assert X[:, 0].tolist() == [red[0], red[65], red[3071]]
    assert X[:, 2].tolist() == [red[i] - blue[i] for i in (0, 65, 3071)]  # below 0, too
    assert np.allclose(X[:, 1], [0.5 / 48, 1.5 / 48, 47.5 / 48])


def test_the_picture_is_answered_as_its_columns_are():
    trained = model()
    reader = PixelReader.of_model(trained.features)
    slowly = trained.predict_proba(reader.columns(FRAME, ALL)).reshape(48, 64)
    assert np.ptp(slowly) > 0.5
    assert np.abs(reader.predict_proba(FRAME, trained) - slowly).max() < 1e-5


def test_a_new_model_is_answered_by_its_own_numbers():
    reader = PixelReader(FEATURES)
    for seed in (1, 2):
        trained = model(seed=seed)
        slowly = trained.predict_proba(reader.columns(FRAME, ALL)).reshape(48, 64)
        assert np.abs(reader.predict_proba(FRAME, trained) - slowly).max() < 1e-5


@pytest.mark.parametrize('kind', ['curves', 'curves+pairs'])
def test_curves_are_answered_as_their_columns_are(kind):
    X = PixelReader(FEATURES).columns(FRAME, ALL)
    of_map = FEATURE_MAPS[kind].fit(X, 8, np.zeros(len(FEATURES)), np.ones(len(FEATURES)))
    generator, spread = np.random.default_rng(0), of_map.columns(X).std(axis=0).clip(1e-3)
    trained = replace(
        model(),
        weights=tuple(generator.normal(size=of_map.n_columns) / spread / 9),
        feature_map=kind,
        knots=of_map.knots,
        bias=0.0,
    )
    slowly = trained.predict_proba(X).reshape(48, 64)
    assert np.ptp(slowly) > 0.5
    assert np.abs(PixelReader(FEATURES).predict_proba(FRAME, trained) - slowly).max() < 1e-4


@pytest.mark.parametrize('scale', SCALES)
def test_the_answer_has_the_size_of_the_frame(scale):
    trained = model()
    reader = PixelReader.of_model(trained.features, scale)
    assert reader.predict_proba(FRAME, trained).shape == (48, 64)
    assert reader.columns(FRAME, ALL[-3:]).shape == (3, len(FEATURES))


def test_depth_without_a_reading_has_no_answer():
    depth = np.full((4, 4), 2.0, np.float32)
    depth[0, 0] = np.nan
    frame = Frame(4, 4, depth=depth)
    answer = PixelReader(('depth',)).predict_proba(frame, model(('depth',)))
    assert np.isnan(answer[0, 0]) and np.isfinite(answer).sum() == 15


@pytest.mark.parametrize('scale', SCALES)
def test_pixels_outside_of_what_was_taught_are_counted_and_may_be_silent(scale):
    reader, gray = PixelReader(('gray', 'row'), scale), np.full((40, 60), 100, np.uint8)
    gray[:8, :12] = 250
    probability = reader.predict_proba(Frame(40, 60, gray=gray), model(('gray', 'row')))
    taught = Taught((90.0, 0.0), (110.0, 1.0))
    assert np.mean(reader.outside(taught)) == 96 / 2400
    assert reader.silence(probability, taught) == 96
    assert np.isnan(probability[:8, :12]).all() and np.isfinite(probability[8:]).all()
    assert reader.silence(probability, Taught((0.0, 0.0), (255.0, 1.0))) == 0


def test_a_model_of_other_features_is_refused():
    with pytest.raises(SampleError, match='other features') as raised:
        PixelReader.of_model(('std(/imu/data/linear_acceleration/z, 1.0)',))
    assert raised.value.reason == 'names'
    with pytest.raises(SampleError) as raised:
        PixelReader(('depth',)).columns(FRAME, ALL)
    assert raised.value.reason == 'channel'
