-- The classes that add most to the bound of any transfer.
SELECT target, target_class, COUNT(*) AS transfers,
       AVG(source_loss + label_mismatch + distribution_mismatch) AS mean_cost
FROM class_map
GROUP BY target, target_class
HAVING AVG(source_loss + label_mismatch + distribution_mismatch) > 0.1
ORDER BY mean_cost DESC
LIMIT 10
