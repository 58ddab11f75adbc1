# SPDX-License-Identifier: Apache-2.0
"""Labelled clouds, and images with masks, of recordings: rows of a trainer, and what is wrong with them."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from labeled_bags import HEIGHT, WIDTH, cloud, clouds_bag, image, images_bag, road, street, write_said
from robots import ARGUMENTS, START_NS, run, write_bag

from binclf_ros.core.storage.model_file import read_model
from binclf_ros.offline import spool, store
from binclf_ros.offline.scoring import Predicted, by_recording
from binclf_ros.offline.summary import lines
from binclf_ros.vision import frames
from binclf_ros.vision.frames import Frame
from binclf_ros.vision.masks import draw
from binclf_ros.vision.pixels import PixelReader

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / 'shared' / 'data'
DRIVE, SCAN = DATA / 'road_camera' / 'bag', DATA / 'lidar_ground' / 'bag'
COLUMNS = ('lab_b', 'blur(lab_b, 5)', 'row')
OF_PIXELS = ['--set', f'pixel_features=[{", ".join(COLUMNS)}]', '--set', 'pixels_per_image=100']
PARAMS = """
/**:
  trainer:
    ros__parameters:
      point_features: ['abs(z)', x]
"""


def extracted(bag, output, *arguments):
    """Return X, y, t and what is known of the rows of a recording."""
    assert run('extract', [bag, '--output', output, '--jobs', 1, *arguments]) == 0
    (folder,) = store.stored_in(output)
    return (*store.arrays(folder), store.read_meta(folder))


def known(points):
    return points[~np.isnan(points['label'])]


def columns_of(points, names):
    return np.stack([points[name].astype(float) for name in names], axis=1)


def test_points_are_the_rows_and_keep_every_bit(tmp_path):
    seeds = [1, 2, 3]
    X, y, t, meta = extracted(clouds_bag(tmp_path / 'bag', seeds), tmp_path / 'out')
    clouds = [known(street(seed)) for seed in seeds]
    np.testing.assert_array_equal(X, np.concatenate([columns_of(each, 'xyz') for each in clouds]))
    np.testing.assert_array_equal(y, np.concatenate([each['label'] for each in clouds]))
    np.testing.assert_array_equal(t, np.repeat([0.0, 0.1, 0.2], 54))
    assert meta.features == ('x', 'y', 'z') and meta.kind == 'points' and meta.window_sec == 0.0
    assert meta.counts == {'received': 180, 'rejected/unlabeled': 18} and not meta.notes


def test_columns_of_points_are_those_of_the_yaml_of_the_robot(tmp_path):
    params = tmp_path / 'mine.yaml'
    params.write_text(PARAMS)
    X, _, _, meta = extracted(clouds_bag(tmp_path / 'bag', [1]), tmp_path / 'out', '--params', params)
    points = known(street(1))
    assert meta.features == ('abs(z)', 'x')
    z, x = columns_of(points, 'zx').T
    np.testing.assert_array_equal(X, np.stack([np.abs(z), x], axis=1))


def drawn(ms, picture, mask):
    """The rows that a frame and its mask give, by hand."""
    pixels, y = draw(mask, 100, START_NS + ms * 1_000_000)
    return PixelReader(COLUMNS).columns(Frame(HEIGHT, WIDTH, bgr=picture), pixels), y


@pytest.fixture
def cv2():
    return pytest.importorskip('cv2', reason='OpenCV is not installed: the extra vision')


def test_pixels_are_drawn_as_live_and_masks_replace_one_another(tmp_path, capsys, cv2):
    pictures = [road(seed) for seed in range(4)]
    repainted = np.where(pictures[0][1] == 1, 1, 255).astype(np.uint8)
    nothing = np.full((HEIGHT, WIDTH), 255, np.uint8)
    said = [
        (0, '/image', image(0, pictures[0][0])),
        (30, '/labeled_image', image(0, pictures[0][1])),
        (90, '/labeled_image', image(100, pictures[1][1])),  # earlier than its frame
        (100, '/image', image(100, pictures[1][0])),
        (200, '/image', image(200, pictures[2][0])),
        (210, '/labeled_image', image(200, pictures[2][1])),
        (220, '/labeled_image', image(0, repainted)),
        (230, '/labeled_image', image(200, nothing)),
        (240, '/labeled_image', image(205, pictures[2][1])),  # of a frame that is not there
        (250, '/labeled_image', image(100, np.zeros((3, 3), np.uint8))),
    ]
    bag = write_said(tmp_path / 'bag', said)
    X, y, t, meta = extracted(bag, tmp_path / 'out', *OF_PIXELS)
    wanted = [drawn(100, *pictures[1]), drawn(0, pictures[0][0], repainted)]
    np.testing.assert_array_equal(X, np.concatenate([each for each, _ in wanted]))
    np.testing.assert_array_equal(y, np.concatenate([each for _, each in wanted]))
    np.testing.assert_array_equal(t, np.repeat([0.1, 0.0], [len(each) for _, each in wanted]))
    assert meta.features == COLUMNS and meta.kind == 'pixels'
    assert meta.counts['rejected/no_frame'] == 1 and meta.counts['rejected/size'] == 1
    err = capsys.readouterr().err
    assert (
        'bag: 1 of the masks taught nothing (no_frame); a mask of 1700000000.205000000 s has no frame'
        in err
    )
    assert 'a mask of 3 × 3 for a frame of 32 × 24' in err and 'Traceback' not in err


@pytest.mark.parametrize('kind', ['points', 'pixels'])
def test_what_is_trained_on_some_recordings_is_scored_on_others(tmp_path, capsys, request, kind):
    if kind == 'pixels':
        request.getfixturevalue('cv2')
    write, more = (clouds_bag, []) if kind == 'points' else (images_bag, OF_PIXELS)
    bags = [write(tmp_path / f'run_{n}', range(4 * n, 4 * n + 4)) for n in range(3)]
    model, figures = tmp_path / 'model.json', tmp_path / 'figures.json'
    arguments = ['--output', model, '--json', figures, '--jobs', 1, *more]
    assert run('train', [*bags[:2], *arguments]) == 0
    found = json.loads(figures.read_text())
    assert 'whole recordings' in found['validated'] and found['kind'] == kind
    assert [len(found['recordings']), found['iou'] > 0.5, found['log_loss'] < 0.5] == [2, True, True]

    # the model names its columns, so that they need not be given again
    assert run('evaluate', [bags[2], '--model', model, '--json', figures, '--at-least', 'iou=0.5']) == 0
    unseen = json.loads(figures.read_text())
    assert unseen['iou'] > 0.5 and unseen['samples'] > 200
    assert run('evaluate', [bags[2], '--model', model, '--at-least', 'iou=0.999']) == 3
    out, err = capsys.readouterr()
    assert 'iou is' in err and 'iou' in out

    at = ['--split-at', 0.2, *arguments]
    assert run('train', [bags[0], *at]) == 0
    late = json.loads(figures.read_text())
    assert late['samples'] == len(read_rows(bags[0], tmp_path / 'rows', more, 0.2))
    assert 'after 0.2 s' in late['validated']


def read_rows(bag, output, more, begin_sec):
    _, _, t, _ = extracted(bag, output, *more)
    return t[t >= begin_sec]


def test_the_only_topic_that_it_can_be_is_taken_and_told(tmp_path, capsys, cv2):
    bag = images_bag(tmp_path / 'bag', [1, 2], '/camera/image_raw', '/terrain/labeled_image')
    X, *_ = extracted(bag, tmp_path / 'out', *OF_PIXELS)
    err = capsys.readouterr().err
    assert 'nothing is on /image: /camera/image_raw is taken' in err and '/terrain/labeled_image' in err
    named = ['-r', 'image:=/camera/image_raw', '--namespace', '/terrain', *OF_PIXELS]
    again, *_ = extracted(bag, tmp_path / 'named', *named)
    np.testing.assert_array_equal(again, X)
    assert 'is taken' not in capsys.readouterr().err


def both(path):
    picture, mask = road(1)
    of_image = [(0, '/image', image(0, picture)), (0, '/labeled_image', image(0, mask))]
    return write_said(path, [(0, '/labeled_points', cloud(0, street(1))), *of_image])


def two_cameras(path):
    picture, mask = road(1)
    said = [(0, f'/{side}/image_raw', image(0, picture)) for side in ('left', 'right')]
    return write_said(path, [*said, (0, '/labeled_image', image(0, mask))])


@pytest.mark.parametrize(
    ('write', 'arguments', 'sentence'),
    [
        (both, [], 'name point_features or pixel_features, one of them'),
        (two_cameras, [], 'it may be any of /left/image_raw, /right/image_raw: --remap image:=TOPIC'),
        (two_cameras, ['-r', 'image:=/front'], 'no topic /front, as --remap names it for image'),
        (two_cameras, ['-r', 'labeled_points:=/left/image_raw'], 'is of the type sensor_msgs/msg/Image'),
        (two_cameras, ['-r', 'camera:=/front'], 'expected FROM:=TO, with FROM of labeled_points'),
        (
            lambda path: write_bag(path, 0, seconds=1.0),
            [],
            '--set features=EXPR; nor are there labelled clouds or masks',
        ),
        (
            lambda path: clouds_bag(path, [1], '/points'),
            ['--set', 'point_features=[z, reflectance]'],
            'no sample of /points: nothing is on /labeled_points: /points is taken',
        ),
    ],
)
def test_what_cannot_be_told_is_one_sentence(tmp_path, capsys, write, arguments, sentence):
    bag = write(tmp_path / 'bag')
    assert run('train', [bag, '--output', tmp_path / 'model.json', '--jobs', 1, *arguments]) == 2
    err = capsys.readouterr().err
    assert sentence in err and 'Traceback' not in err


def test_what_is_named_is_taken_where_there_is_both(tmp_path, cv2):
    bag = both(tmp_path / 'bag')
    assert extracted(bag, tmp_path / 'pixels', *OF_PIXELS)[3].kind == 'pixels'
    named = ['--set', 'point_features=[z]']
    assert extracted(bag, tmp_path / 'points', *named)[3].features == ('z',)


def test_clouds_of_other_fields_are_refused_and_told(tmp_path, capsys):
    other = np.zeros(5, np.dtype([('x', 'f4'), ('label', 'u1')]))
    bare = np.zeros(5, np.dtype([('x', 'f4')]))
    clouds = [street(1), other, bare, street(2)]
    said = [(100 * i, '/labeled_points', cloud(100 * i, each)) for i, each in enumerate(clouds)]
    X, _, _, meta = extracted(write_said(tmp_path / 'bag', said), tmp_path / 'out')
    assert len(X) == 108 and meta.counts['rejected/length'] == meta.counts['rejected/label'] == 1
    assert meta.counts['received'] == 122
    err = capsys.readouterr().err
    assert 'this one has none' in err and 'the features are x, before they were x, y, z' in err


def test_features_are_sampled_although_there_are_labelled_clouds(tmp_path):
    bag = write_bag(tmp_path / 'bag', 0, seconds=4.0)
    (tmp_path / 'more').mkdir()
    clouds = clouds_bag(tmp_path / 'more' / 'clouds', [1])
    (bag / 'metadata.yaml').unlink()
    next(clouds.glob('*.mcap')).rename(bag / 'bag_1.mcap')
    next(bag.glob('bag.mcap')).rename(bag / 'bag_0.mcap')
    *_, meta = extracted(bag, tmp_path / 'out', *ARGUMENTS)
    assert meta.kind == 'vectors' and meta.samples > 100


def test_images_without_opencv_are_a_sentence(tmp_path, monkeypatch, capsys):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(frames, 'import_module', missing)
    bag = images_bag(tmp_path / 'bag', [1])
    assert run('extract', [bag, '--output', tmp_path / 'out', '--jobs', 1]) == 2
    assert 'images need OpenCV, which is not installed: install python3-opencv' in capsys.readouterr().err


def test_ranges_do_not_label_points(tmp_path, capsys):
    labels = tmp_path / 'labels.csv'
    labels.write_text('recording,start,end,label\nbag,0,1,1\n')
    bag = clouds_bag(tmp_path / 'bag', [1])
    assert run('extract', [bag, '--output', tmp_path / 'out', '--jobs', 1, '--labels', labels]) == 2
    assert 'has labels of its own: leave --labels out' in capsys.readouterr().err


@pytest.mark.skipif(not SCAN.exists(), reason='the recordings of ../shared/data are not there')
def test_the_ground_of_a_real_scan_is_learned_offline(tmp_path):
    figures = tmp_path / 'figures.json'
    files = ['--output', tmp_path / 'model.json', '--json', figures, '--jobs', 1, '--quiet']
    lidar = ['--params', ROOT / 'examples' / 'lidar.yaml', '--split-at', 1.8]
    assert run('train', [SCAN, *lidar, *files]) == 0
    found = json.loads(figures.read_text())
    assert found['samples'] == 20_000 and read_model(tmp_path / 'model.json').samples == 38_000
    # what scikit-learn's optimum gives, by the README of the recording
    rounded = [round(found[name], 3) for name in ('accuracy', 'log_loss', 'auc')]
    assert rounded == pytest.approx([0.938, 0.158, 0.989], abs=0.001)


@pytest.mark.skipif(not DRIVE.exists(), reason='the recordings of ../shared/data are not there')
def test_the_road_of_a_real_drive_is_learned_offline(tmp_path, cv2, record_property):
    figures = tmp_path / 'figures.json'
    files = ['--output', tmp_path / 'model.json', '--json', figures]
    road_yaml = ['--params', ROOT / 'examples' / 'road.yaml', '--split-at', 12, '--jobs', 1, '--quiet']
    assert run('train', [DRIVE, *road_yaml, *files]) == 0
    found = json.loads(figures.read_text())
    record_property('road offline', {name: found[name] for name in ('accuracy', 'iou', 'log_loss')})
    assert found['samples'] == 16_000 and read_model(tmp_path / 'model.json').samples == 40_000
    assert found['accuracy'] >= 0.93 and found['iou'] >= 0.82 and found['log_loss'] <= 0.145


def test_iou_is_the_overlap_of_what_is_and_what_is_said():
    some = Predicted('some', np.array([1.0, 1.0, 0.0, 0.0]), np.array([2.0, -1.0, 3.0, -1.0]))
    none = Predicted('none', np.zeros(2), np.full(2, -1.0))
    found = by_recording([some, none], 'pixels')
    assert found['iou'] == pytest.approx(1.0 / 3.0)
    assert {each['name']: each['iou'] for each in found['recordings']} == {'some': 1.0 / 3.0, 'none': None}
    table = list(lines(found))
    assert table[0].split()[-1] == 'iou' and table[-1].split()[-1] in ('–', '0.333')
    assert 'iou' not in next(lines(by_recording([some])))


def test_rows_are_made_again_only_where_what_makes_them_changes(tmp_path, capsys, cv2):
    bag, command = images_bag(tmp_path / 'bag', [1, 2]), ['--output', tmp_path / 'out', '--jobs', 1]
    assert run('extract', [bag, *command, *OF_PIXELS]) == 0
    assert run('extract', [bag, *command, *OF_PIXELS, '--set', 'l2=7']) == 0
    assert run('extract', [bag, *command, *OF_PIXELS, '--set', 'image_scale=0.5']) == 0
    before = ['(made before)' in line for line in capsys.readouterr().out.splitlines()]
    assert before == [False, True, False]


def test_a_disk_that_is_full_of_rows_is_one_sentence(tmp_path, monkeypatch, capsys):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spool.tempfile, 'TemporaryFile', lambda **where: Full())
    bag = clouds_bag(tmp_path / 'bag', [1])
    assert run('extract', [bag, '--output', tmp_path / 'out', '--jobs', 1]) == 1
    assert 'samples could not be written to' in (err := capsys.readouterr().err) and 'No space left' in err
