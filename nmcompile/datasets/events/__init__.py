"""Event cameras: streams, readers, a frame-to-DVS simulator, tensors for networks, pictures.

| module | what |
| --- | --- |
| `stream` | `EventStream`: columns t_us, x, y, p of one recording; slicing, digest, npz |
| `hybrid` | `HybridSequence`: frames, events, boxes at the event rate; folders |
| `simulator` | `simulate_hybrid(sequence, rate, options)`: any sequence as a DAVIS films it |
| `interpolation` | frames between two frames: `linear`, `flow` |
| `pixel` | `PixelModel`: a DVS pixel with log response, mismatch, bandwidth and noise |
| `windows` | `Window`, `spike_tensor`, `spike_tensors`: events to arrays [T, 2, H, W] |
| `generated` | `generated_hybrid(seed, options)`: invented DAVIS films with exact boxes |
| `readers` | `open_events(path)`: npz, AEDAT4, N-MNIST |
| `render` | events as pictures that people can look at |

From a film to a training example::

    from nmcompile.datasets.events.generated import GeneratedOptions, generated_hybrid
    from nmcompile.datasets.events.windows import Window, spike_tensor

    film = generated_hybrid(7, GeneratedOptions(width=76, height=76))
    window = Window(duration_us=4000, steps=4, height=76, width=76)
    spikes = spike_tensor(film.events, end_us - window.duration_us, window)  # uint8 [4, 2, 76, 76]
    box = film.boxes_at([end_us])[0]                                         # x, y, w, h in pixels

Times are integer microseconds, boxes are x, y, w, h in sensor pixels counted from 0, polarity is
True for brighter (ON). Channel 0 of a tensor is OFF, channel 1 is ON.
"""
