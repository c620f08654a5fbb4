//! Transferability scores: one file for each or for a pair, and `of_*` for what a family has in
//! common.

mod etran;
mod gbc;
mod h_score;
mod knn;
mod leep_and_nce;
mod linear_probe;
mod logme;
mod nleep;
mod of_discriminants;
mod of_moments;
mod of_predictions;
mod of_samples;
mod of_two_tasks;
mod otce;
mod otdd;
mod pactran;
mod parc;
mod s_otdd;
mod tetot;
mod transrate;
