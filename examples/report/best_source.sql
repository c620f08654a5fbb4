-- The source that gives each model its lowest bound, and what fine-tuning reached.
SELECT r.target, r.model, r.source, r.bound, r.target_loss, l.accuracy
FROM ranking r
LEFT JOIN leaderboard l ON l.model = r.model AND l.target = r.target
ORDER BY r.target, r.bound
