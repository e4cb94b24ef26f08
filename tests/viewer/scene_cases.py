"""Scenes of every kind of layer and view that napari has, for the round trip."""

import dask.array as da
import numpy as np
import pandas as pd

_rng = np.random.default_rng(0)


def _blob(*shape):
    g = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    return (1000 * np.exp(-3 * sum(x * x for x in g)) + 100 * _rng.random(shape)).astype(
        np.float32
    )


def image_colormap(v):
    from napari.utils.colormaps import Colormap

    v.add_image(
        _blob(20, 30),
        colormap=Colormap(
            [[0, 0, 0, 1], [1, 0, 0.3, 1], [0.2, 1, 0, 1]], name="mine", controls=[0, 0.3, 1]
        ),
        gamma=0.6,
        interpolation2d="cubic",
    )


def image_zero_interp(v):
    from napari.utils.colormaps import Colormap

    v.add_image(
        _blob(20, 30),
        colormap=Colormap(
            [[1, 0, 0, 1], [0, 0, 1, 1]],
            name="z2",
            interpolation="zero",
            controls=[0, 0.4, 1],
            nan_color=[0, 1, 0, 1],
            low_color=[1, 1, 0, 1],
            high_color=[0, 1, 1, 1],
        ),
        contrast_limits=(300, 700),
    )


def image_nan(v):
    x = _blob(20, 30)
    x[3:6] = np.nan
    v.add_image(x, colormap="viridis")


def rgb(v):
    v.add_image((_rng.random((20, 30, 3)) * 255).astype(np.uint8), rgb=True, opacity=0.6)


def rgba(v):
    v.add_image(_rng.random((20, 30, 4)), rgb=True)


def rgb_stack(v):
    v.add_image((_rng.random((5, 20, 30, 3)) * 255).astype(np.uint8))
    v.dims.set_current_step(0, 3)


def multiscale(v):
    a = _blob(256, 256)
    v.add_image([a, a[::2, ::2], a[::4, ::4]], multiscale=True, colormap="magma")


def dask_image(v):
    v.add_image(da.from_array(_blob(6, 40, 50), chunks=(1, 40, 50)), contrast_limits=(0, 1000))
    v.dims.set_current_step(0, 4)


def big_endian(v):
    v.add_image(_blob(10, 10).astype(">i2"))


def uint64(v):
    v.add_image(_blob(10, 10).astype(np.uint64))


def float16(v):
    v.add_image(_blob(10, 10).astype(np.float16))


def labels_cyclic(v):
    layer = v.add_labels((_rng.random((20, 30)) * 40).astype(int))
    layer.new_colormap(5)
    layer.contour = 0
    layer.opacity = 0.5


def labels_contour(v):
    a = np.zeros((30, 30), np.uint8)
    a[5:20, 5:20] = 3
    a[8:12, 8:25] = 9
    layer = v.add_labels(a)
    layer.contour = 2
    layer.selected_label = 9
    layer.show_selected_label = True


def labels_direct(v):
    a = np.zeros((30, 30), np.int16)
    a[5:20, 5:20] = 3
    a[8:12, 8:25] = -4
    v.add_labels(
        a,
        colormap={None: "transparent", 0: "transparent", 3: "orange", -4: (0, 1, 0.5, 0.3)},
        features=pd.DataFrame({"index": [0, 3], "name": pd.Categorical(["", "x"])}),
        blending="additive",
    )


def labels_direct_default(v):
    from napari.utils.colormaps import DirectLabelColormap

    a = np.zeros((30, 30), np.int16)
    a[5:20, 5:20] = 3
    a[8:12, 8:25] = 5
    v.add_labels(
        a, colormap=DirectLabelColormap(color_dict={None: "magenta", 0: "black", 3: "orange"})
    )


def labels_bg(v):
    from napari.utils.colormaps import label_colormap

    a = np.ones((30, 30), np.int16)
    a[5:20, 5:20] = 3
    v.add_labels(a, colormap=label_colormap(7, seed=0.3, background_value=1))


def labels_multiscale(v):
    a = (_rng.random((64, 64)) * 5).astype(np.uint8)
    v.add_labels([a, a[::2, ::2]], multiscale=True)


def labels_3d(v):
    a = np.zeros((20, 20, 20), np.uint8)
    a[5:15, 5:15, 5:15] = 2
    a[8:12, 8:12, 2:18] = 4
    v.add_labels(a, rendering="translucent", iso_gradient_mode="smooth")
    v.dims.ndisplay = 3
    v.scene.camera.angles = (10, 20, 30)


def points_features(v):
    f = pd.DataFrame(
        {
            "c": pd.Categorical(["a", "b", "a"], categories=["b", "a", "z"], ordered=True),
            "n": [1.0, np.nan, 3.0],
            "b": [True, False, True],
            "s": ["x", "y", None],
            "i": np.array([1, 2, 3], np.int8),
            "when": pd.to_datetime(["2020-01-01", "2021-02-03", None]),
            "N": pd.array([1, None, 3], dtype="Int64"),
            "S": pd.array(["p", None, "q"], dtype="string"),
        }
    )
    v.add_points(
        _rng.random((3, 2)) * 30,
        features=f,
        text={
            "string": "{c}:{n:.1f}",
            "color": "yellow",
            "size": 14,
            "anchor": "upper_left",
            "translation": [1, 2],
            "rotation": 20,
        },
        size=[2, 3, 5],
        symbol=["disc", "star", "cross"],
        face_color="n",
        face_colormap="viridis",
        border_color="c",
        border_color_cycle=["red", "blue", "lime"],
        border_width=[0.1, 0.2, 0.3],
        shading="none",
    )


def points_spherical(v):
    v.add_points(
        _rng.random((6, 3)) * 20,
        size=5,
        shading="spherical",
        face_color="red",
        canvas_size_limits=(5, 40),
    )
    v.dims.ndisplay = 3


def points_selected(v):
    layer = v.add_points(_rng.random((6, 2)) * 20, size=2)
    layer.selected_data = {1, 3}
    layer.mode = "select"


def points_text_col(v):
    v.add_points(
        _rng.random((3, 2)) * 30,
        features={"k": ["a", "b", "c"]},
        text={"string": "k", "color": {"feature": "k", "colormap": ["red", "lime", "blue"]}},
        size=2,
        face_color="k",
        face_color_cycle={"a": "red", "b": "lime", "c": "blue"},
    )


def shapes_all(v):
    d = [
        np.array([[0, 0], [10, 10]]),
        np.array([[0, 10], [0, 20], [8, 20], [8, 10]]),
        np.array([[12, 0], [12, 9], [20, 9], [20, 0]]),
        np.array([[12, 12], [20, 14], [16, 25]]),
        np.array([[22, 0], [25, 8], [20, 15], [28, 20]]),
    ]
    v.add_shapes(
        d,
        shape_type=["line", "rectangle", "ellipse", "polygon", "path"],
        edge_color=["red", "lime", "blue", "yellow", "cyan"],
        face_color=[[0, 0, 0, 0], [1, 0, 0, 0.4], [0, 1, 0, 0.4], [0, 0, 1, 0.4], [0, 0, 0, 0]],
        edge_width=[0.5, 1, 0.3, 0.8, 1.2],
        z_index=[0, 1, 2, 3, 4],
        opacity=[0.2, 0.3, 0.4, 0.5, 1][-1],
        features={"m": [1, 2, 3, 4, 5]},
        text={"string": "{m} mm", "anchor": "center", "color": "white"},
    )


def shapes_rotated_ellipse(v):
    v.add_shapes(
        [np.array([[0, 5], [5, 10], [10, 5], [5, 0]])],
        shape_type="ellipse",
        rotate=30,
        shear=[0.3],
        scale=[2, 1],
        translate=[3, 4],
    )


def shapes_3d(v):
    v.add_shapes(
        [np.array([[0, 0, 0], [5, 10, 3], [10, 3, 9]]), np.array([[0, 0, 0], [5, 10, 3]])],
        shape_type=["polygon", "line"],
        edge_width=0.5,
    )
    v.dims.ndisplay = 3
    v.scene.camera.angles = (10, 40, 70)


def shapes_empty(v):
    v.add_image(_blob(10, 10))
    v.add_shapes(ndim=2, name="nothing")


def points_empty(v):
    v.add_image(_blob(10, 10))
    v.add_points(ndim=2, features={"a": np.array([], dtype=object)})


def vectors(v):
    v.add_vectors(
        _rng.random((10, 2, 2)) * 20,
        features={"l": np.arange(10.0)},
        edge_color="l",
        edge_colormap="hot",
        vector_style="arrow",
        edge_width=0.7,
        length=1.4,
    )


def vectors_cat(v):
    v.add_vectors(
        _rng.random((4, 2, 3)) * 20,
        features={"l": list("abca")},
        edge_color="l",
        edge_color_cycle=["red", "lime", "blue"],
        vector_style="line",
    )
    v.dims.ndisplay = 3


def _mesh():
    t = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    vert = np.array([[5 + 4 * np.cos(a), 5 + 4 * np.sin(a), z] for z in (0, 6) for a in t])
    f = []
    for k in range(12):
        n = (k + 1) % 12
        f += [[k, n, 12 + k], [n, 12 + n, 12 + k]]
    return vert, np.array(f)


def surface_values(v):
    a, f = _mesh()
    v.add_surface(
        (a, f, np.linspace(0, 1, 24)),
        colormap="turbo",
        shading="smooth",
        contrast_limits=(0.1, 0.8),
        gamma=0.8,
    )
    v.dims.ndisplay = 3
    v.scene.camera.angles = (30, 40, 10)


def surface_colors(v):
    a, f = _mesh()
    s = v.add_surface((a, f), vertex_colors=_rng.random((24, 3)), shading="flat")
    s.wireframe.visible = True
    s.normals.face.visible = True
    v.dims.ndisplay = 3


def surface_texture(v):
    a, f = _mesh()
    v.add_surface(
        (a, f),
        texture=_rng.random((16, 16, 3)).astype(np.float32),
        texcoords=_rng.random((24, 2)),
        shading="none",
    )
    v.dims.ndisplay = 3
    v.scene.camera.angles = (0, 0, 40)


def surface_time(v):
    a, f = _mesh()
    v.add_surface((a, f, np.stack([np.linspace(0, 1, 24) * k for k in range(3)])))
    v.dims.ndisplay = 3
    v.dims.set_current_step(0, 2)


def tracks_graph(v):
    d = np.array([[i, t, 5 + t, 3 + i * 4 + t * 0.5] for i in range(3) for t in range(6)], float)
    v.add_tracks(
        d,
        graph={1: [0], 2: [0]},
        features={"speed": np.arange(18.0)},
        color_by="speed",
        colormap="hsv",
        tail_width=4,
        tail_length=20,
        head_length=4,
        hide_completed_tracks=False,
    )
    v.dims.set_current_step(0, 4)
    v.layers[0].display_id = True
    v.layers[0].display_graph = True


def tracks_cmapdict(v):
    from napari.utils.colormaps import Colormap

    d = np.array([[i, t, 5 + t, 3 + i * 4 + t * 0.5] for i in range(3) for t in range(6)], float)
    v.add_tracks(
        d,
        features={"speed": np.arange(18.0)},
        color_by="speed",
        colormaps_dict={"speed": Colormap([[1, 0, 0], [0, 1, 0]])},
    )
    v.dims.set_current_step(0, 4)


def mip3d(v):
    v.add_image(_blob(20, 24, 28), rendering="iso", iso_threshold=500, attenuation=0.02)
    v.dims.ndisplay = 3
    v.scene.camera.angles = (30, 20, 10)
    v.scene.camera.perspective = 40


def attenuated(v):
    v.add_image(
        _blob(20, 24, 28),
        rendering="attenuated_mip",
        attenuation=0.3,
        interpolation3d="nearest",
        colormap="gray_r",
    )
    v.dims.ndisplay = 3
    v.scene.camera.angles = (30, 20, 10)


def minip(v):
    v.add_image(_blob(20, 24, 28), rendering="minip")
    v.dims.ndisplay = 3


def plane3d(v):
    v.add_image(
        _blob(20, 24, 28),
        depiction="plane",
        plane={"position": (10, 12, 9), "normal": (1, 0.5, 0.2), "thickness": 4},
    )
    v.dims.ndisplay = 3
    v.scene.camera.angles = (30, 20, 10)


def clipping(v):
    v.add_image(
        _blob(20, 24, 28),
        rendering="mip",
        experimental_clipping_planes=[
            {"position": (10, 10, 10), "normal": (1, 0, 0), "enabled": True},
            {"position": (0, 12, 0), "normal": (0, -1, 0), "enabled": True},
        ],
    )
    v.dims.ndisplay = 3
    v.scene.camera.angles = (30, 20, 10)


def bounding(v):
    layer = v.add_image(_blob(20, 24, 28))
    layer.bounding_box.visible = True
    layer.bounding_box.line_thickness = 2
    layer.bounding_box.points = False
    layer.colorbar.visible = True
    v.dims.ndisplay = 3


def colorbar(v):
    layer = v.add_image(_blob(20, 24))
    layer.colorbar.visible = True
    layer.name_overlay.visible = True


def scale_bar(v):
    v.add_image(_blob(20, 24), scale=(0.5, 0.5), units=("mm", "mm"), axis_labels=("y", "x"))
    o = v.canvas.overlays.scale_bar
    o.visible = True
    o.position = "top_left"
    o.color = "red"
    o.colored = True
    o.font_size = 14
    o.box = True


def axes(v):
    v.add_image(_blob(20, 24, 10), axis_labels=("slice", "row", "col"))
    v.scene.overlays.axes.visible = True
    v.scene.overlays.axes.dashed = True
    v.scene.overlays.axes.labels = True
    v.dims.ndisplay = 3
    v.scene.camera.angles = (10, 20, 30)


def textover(v):
    v.add_image(_blob(20, 24))
    o = v.canvas.overlays.text
    o.visible = True
    o.text = "Größe"
    o.color = "lime"
    o.position = "bottom_left"


def dims_rolled(v):
    v.add_image(_blob(4, 10, 20, 24), scale=(2.5, 3, 1, 0.5))
    v.dims.order = (1, 3, 0, 2)
    v.dims.set_point(1, 9)
    v.dims.set_point(3, 4)


def dims_margin(v):
    v.add_image(_blob(10, 20, 24), projection_mode="mean")
    v.dims.thickness = (5, 0, 0)
    v.dims.set_point(0, 5)


def linked(v):
    from napari.layers.utils._link_layers import link_layers

    a = v.add_image(_blob(20, 24))
    b = v.add_image(_blob(20, 24), translate=(0, 30))
    link_layers([a, b], ["opacity", "contrast_limits"])
    a.opacity = 0.4


def blendings(v):
    for k, m in enumerate(
        ["opaque", "translucent", "additive", "minimum", "translucent_no_depth", "multiplicative"]
    ):
        v.add_image(
            _blob(20, 24),
            translate=(k * 3, k * 2),
            blending=m,
            colormap=["red", "green", "blue", "cyan", "magenta", "yellow"][k],
            opacity=0.7,
        )


def order_vis(v):
    for k in range(3):
        v.add_image(_blob(20, 24), name="same", translate=(3 * k, 0), visible=k != 1)
    v.layers.move(2, 0)


def affine(v):
    v.add_image(
        _blob(20, 24),
        affine=np.array([[1, 0.3, 5], [-0.3, 1.2, 2], [0, 0, 1]]),
        rotate=20,
        shear=[0.2],
        scale=[2, 1],
        translate=[1, -5],
    )


def mixed_ndim(v):
    v.add_image(_blob(3, 10, 20, 24))
    v.add_image(_blob(20, 24), opacity=0.5, colormap="red")
    v.add_points(np.array([[5, 5, 5.0]]), size=3)
    v.dims.set_point(0, 1)
    v.dims.set_point(1, 5)


def orientation(v):
    v.add_image(_blob(20, 24, 28))
    v.scene.camera.orientation = ("towards", "up", "left")
    v.dims.ndisplay = 3
    v.scene.camera.angles = (10, 20, 30)


def locked_attrs(v):
    layer = v.add_image(_blob(20, 24))
    layer.mouse_pan = False
    layer.editable = False
    layer.locked = True


def time_units(v):
    v.add_image(
        _blob(4, 5, 20, 24),
        units=("s", "mm", "mm", "mm"),
        axis_labels=("t", "z", "y", "x"),
        scale=(0.5, 2, 1, 1),
    )
    v.dims.set_point(0, 1.0)


def axis_label_names(v):
    v.add_image(_blob(5, 20, 24))
    v.dims.axis_labels = ("Zeit", "Höhe", "Breite")
    v.scene.overlays.axes.visible = True


CASES = {
    name: made
    for name, made in list(globals().items())
    if getattr(made, "__module__", "") == __name__ and not name.startswith("_")
}
