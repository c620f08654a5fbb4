-- Expressions of this package are functions: scores straight from the embeddings, here on test rows too.
SELECT task, split, model, LOGME(embedding, label) AS logme
FROM embeddings
WHERE task IN ('fashion-mnist', 'kmnist')
GROUP BY task, split, model
ORDER BY task, split DESC, logme DESC
