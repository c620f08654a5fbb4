//! What the sliced distance and the Sinkhorn divergence make of masses and of bad input.

use crate::generators::assert_close;
use crate::generators::points::*;
use polars_transferability::linalg::Matrix;
use polars_transferability::transport::sinkhorn::{sinkhorn_divergence, Settings, SinkhornError};
use polars_transferability::transport::sliced::{sliced_wasserstein, SlicedError};
use polars_transferability::transport::{Side, TransportError};

#[test]
fn a_weight_of_two_is_a_point_twice() {
    let (x, y) = reference_points();
    let twice = Matrix::from_fn(24, 3, |i, k| x.row(i / 2)[k]);
    let mass = vec![2.0; 12];
    let run = |x: &Matrix, mass: Option<&[f64]>| {
        sliced_wasserstein(side(x, mass), side(&y, None), &settings_of(2.0, 20, 1))
            .unwrap()
            .distance
    };
    assert_close(run(&twice, None), run(&x, Some(&mass)), 1e-13);
    let settings = Settings::default();
    let run = |x: &Matrix, mass: Option<&[f64]>| {
        sinkhorn_divergence(side(x, mass), side(&y, None), &settings).unwrap().divergence
    };
    assert_close(run(&twice, None), run(&x, Some(&mass)), 1e-12);
}

#[test]
fn bad_transport_input_is_named() {
    let (x, y) = reference_points();
    let narrow = wave(5, 2, 1.0, 0.0);
    let empty = Matrix::zeros(0, 3);
    let settings = Settings::default();
    let sliced = |x: &Matrix, y: &Matrix, mass: Option<&[f64]>, p, projections| {
        sliced_wasserstein(side(x, mass), side(y, None), &settings_of(p, projections, 0))
            .unwrap_err()
    };
    let entropic = |x: &Matrix, y: &Matrix, mass: Option<&[f64]>, settings: &Settings| {
        sinkhorn_divergence(side(x, mass), side(y, None), settings).unwrap_err()
    };
    assert_eq!(sliced(&x, &y, None, 2.0, 0), SlicedError::NoProjections);
    for p in [0.5, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            sliced(&x, &y, None, p, 9),
            SlicedError::Transport(TransportError::Power { .. })
        ));
        let settings = Settings { power: p, ..settings };
        assert!(matches!(
            entropic(&x, &y, None, &settings),
            SinkhornError::Transport(TransportError::Power { .. })
        ));
    }
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-308] {
        let settings = Settings { epsilon: Some(epsilon), ..settings };
        assert!(matches!(entropic(&x, &y, None, &settings), SinkhornError::BadEpsilon { .. }));
    }
    let both = |x: &Matrix, y: &Matrix, mass: Option<&[f64]>| {
        let SlicedError::Transport(of_sliced) = sliced(x, y, mass, 2.0, 9) else {
            panic!("an error of the sliced distance itself");
        };
        let SinkhornError::Transport(of_sinkhorn) = entropic(x, y, mass, &settings) else {
            panic!("an error of the Sinkhorn divergence itself");
        };
        [of_sliced, of_sinkhorn]
    };
    for error in both(&x, &narrow, None) {
        assert_eq!(error, TransportError::Width { source_width: 3, target_width: 2 });
    }
    for error in both(&empty, &y, None) {
        assert_eq!(error, TransportError::EmptySide);
    }
    for error in both(&x, &y, Some(&[1.0])) {
        let side = Side::Source;
        assert_eq!(error, TransportError::MassCount { side, found: 1, expected: 12 });
    }
    for error in both(&x, &y, Some(&[0.0; 12])) {
        assert_eq!(error, TransportError::NoMass { side: Side::Source });
    }
    let mut bad = [1.0; 12];
    bad[4] = -1.0;
    for error in both(&x, &y, Some(&bad)) {
        assert_eq!(error, TransportError::BadMass { side: Side::Source, index: 4, value: -1.0 });
    }
    bad[4] = 1e-20;
    assert!(matches!(
        entropic(&x, &y, Some(&bad), &settings),
        SinkhornError::Transport(TransportError::MassRange { .. })
    ));
    let huge = map(&x, |v| v * 1e200);
    assert!(matches!(
        entropic(&huge, &y, None, &settings),
        SinkhornError::Transport(TransportError::PowerRange { .. })
    ));
}
