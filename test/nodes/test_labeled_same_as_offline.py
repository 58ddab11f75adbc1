# SPDX-License-Identifier: Apache-2.0
"""Real clouds and masks, replayed to the real trainer: its samples are the rows of `extract`, every bit."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

pytest.importorskip('rosbags', reason='recordings are read with rosbags')

from binclf_ros.core.storage.dataset import DatasetReader
from binclf_ros.offline import store
from binclf_ros.offline.extract import main as extract
from binclf_ros.recordings.bags import Recording

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / 'shared' / 'data'
FEATURES = {
    'lidar_ground': {'point_features': ['intensity', 'z - min_cell(z, 5.0)', 'return_number']},
    'road_camera': {
        'pixel_features': ['lab_b', 'blur(lab_l, 25)', 'std(lab_l, 7)', 'abs(col - 0.5)'],
        'pixels_per_image': 300,
        'image_scale': 0.5,
        'image_transport': 'compressed',
    },
}


def in_one_order(X, y):
    """Rows of features and label, sorted: which frame was heard first is chance."""
    rows = np.column_stack([X, y])
    return rows[np.lexsort(rows.T)]


@pytest.mark.parametrize(('name', 'n_taught'), [('lidar_ground', 12), ('road_camera', 4)])
def test_what_a_trainer_keeps_are_the_rows_of_extract(ground, tmp_path, name, n_taught):
    bag = DATA / name / 'bag'
    if not bag.is_dir():
        pytest.skip(f'no recording {bag}')
    if name == 'road_camera':
        pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')
    options = FEATURES[name]
    changes = [f'{key}={value}'.replace("'", '') for key, value in options.items()]
    arguments = [str(bag), '--output', str(tmp_path / 'rows'), '--jobs', '1', '--quiet']
    assert extract([*arguments, *(each for change in changes for each in ('--set', change))]) == 0
    X, y, t = store.arrays(*store.stored_in(tmp_path / 'rows'))
    of_first = np.isin(t, np.unique(t)[:n_taught])

    kept = tmp_path / 'samples'
    listed = {key: str(value).replace("'", '"') for key, value in options.items()}
    ground.start('trainer', dataset_file=kept, buffer_capacity=100_000, **listed)
    replay(ground, Recording(bag), n_taught, int(of_first.sum()))
    assert ground.trigger('/trainer/save')[0]
    live = [np.concatenate(each) for each in zip(*DatasetReader(kept).batches())]
    np.testing.assert_array_equal(in_one_order(*live), in_one_order(X[of_first], y[of_first]))


def replay(ground, recording, n_taught, n_rows):
    """Publish the first labelled messages as they are recorded, and images until each was heard."""
    if '/points' in recording.types:
        clouds = ground.publisher(PointCloud2, 'labeled_points')
        for message in islice(recording.messages({'/points'}), n_taught):
            clouds.publish(message.data)
        again = None
    else:
        masks = ground.publisher(Image, 'labeled_image')
        images = ground.publisher(CompressedImage, 'image/compressed', 30)
        for message in islice(recording.messages({'/labeled_image'}), n_taught):
            masks.publish(message.data)
        frames = islice(recording.messages({'/camera/image_raw/compressed'}), n_taught)
        taught = cycle([each.data for each in frames])
        again = lambda: images.publish(next(taught))  # noqa: E731
    ground.wait_until(
        lambda: ground.count('trainer', 'accepted') == n_rows,
        f'{n_rows} rows',
        meanwhile=again,
        every_sec=0.1,
    )
