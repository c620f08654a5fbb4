-- Expressions of this package are functions: one bound per model, straight from the embeddings.
SELECT model,
       TRANSFER_BOUND(embedding, label, task, 'mnist', 'fashion-mnist', transform => 'features',
                      max_rows_per_class => 20, fit => split = 'train').bound AS bound
FROM embeddings
WHERE task IN ('mnist', 'fashion-mnist')
GROUP BY model
ORDER BY bound
