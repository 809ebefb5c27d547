// Sealed files open in DuckDB as they are: columns, types, values, nulls, metadata, folders of days, pruning.
//
// ARCHIVE names a folder that the relay's example `archive_sample` wrote, SAID what it said of it (a file of lines).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { DuckDBInstance } from '@duckdb/node-api';

const folder = process.env.ARCHIVE;
const files = readFileSync(process.env.SAID, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const quoted = (path) => `'${join(folder, path).replaceAll("'", "''")}'`;
let connection;

before(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
});
after(() => connection.closeSync());

async function rows(sql) {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS();
}

test('every file of the archive is there to be read', () => {
  assert.equal(files.length, 12);
  assert.equal(new Set(files.map((file) => file.path)).size, 12);
});

for (const file of files) {
  test(file.path, async () => {
    const columns = await rows(`DESCRIBE SELECT * FROM ${quoted(file.path)}`);
    const type = Object.fromEntries(columns.map((column) => [column.column_name, column.column_type]));
    assert.deepEqual(columns.slice(0, 4).map((column) => column.column_name), [
      'symbol',
      'venue',
      'timestamp',
      'received',
    ]);
    assert.equal(type.timestamp, 'BIGINT');
    for (const [name, expected] of Object.entries(file.columns)) {
      const numeric = type[name] === 'DOUBLE' || type[name] === 'BIGINT';
      const sum = numeric ? `sum("${name}")::DOUBLE` : 'NULL';
      const [found] = await rows(
        `SELECT count(*)::INTEGER AS rows, count("${name}")::INTEGER AS values, ${sum} AS sum FROM ${quoted(file.path)}`,
      );
      assert.equal(found.rows, file.rows);
      assert.equal(found.values, expected.values, name);
      assert.equal(found.sum, expected.sum ?? null, name);
    }
    const [order] = await rows(
      `SELECT count(*)::INTEGER AS backwards FROM (SELECT timestamp < lag(timestamp) OVER () AS back
       FROM ${quoted(file.path)}) WHERE back`,
    );
    assert.equal(order.backwards, 0);
    const said = Object.fromEntries(
      (await rows(`SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata(${quoted(file.path)})`))
        .map(({ key, value }) => [key, value]),
    );
    assert.equal(said['tapedeck.schema'], '1');
    assert.equal(said['tapedeck.dataset'], file.dataset);
    assert.equal(said['tapedeck.symbol'], file.symbol);
    assert.equal(said['tapedeck.venue'], file.venue ?? 'all');
    assert.equal(said['tapedeck.rows'], String(file.rows));
    assert.equal(JSON.parse(said['tapedeck.units']).timestamp, 'ms');
  });
}

test('a folder of days is one table', async () => {
  const book = quoted('binance/BTC_USDT/book/*.parquet');
  const [both] = await rows(
    `SELECT count(*)::INTEGER AS rows, count(DISTINCT epoch_ms(timestamp)::DATE)::INTEGER AS days FROM ${book}`,
  );
  assert.deepEqual(both, { rows: 160_000, days: 2 });
  const [hour] = await rows(
    `SELECT count(*)::INTEGER AS rows FROM ${book} WHERE timestamp >= epoch_ms(TIMESTAMP '2025-02-01 12:00:00')
     AND timestamp < epoch_ms(TIMESTAMP '2025-02-01 13:00:00')`,
  );
  assert.equal(hour.rows, Math.ceil(3_600_000 / 1_080));
  const [sides] = await rows(
    `SELECT count(*)::INTEGER AS rows FROM ${quoted('liquidations/BTC_USDT/*.parquet')} WHERE venue = 'okx'`,
  );
  assert.equal(sides.rows, 2 * 167);
});

test('row groups and pages are as the reader wants them', async () => {
  const book = quoted('binance/BTC_USDT/book/20250131.parquet');
  const groups = await rows(
    `SELECT DISTINCT row_group_id::INTEGER AS id, row_group_num_rows::INTEGER AS rows FROM parquet_metadata(${book})
     ORDER BY id`,
  );
  assert.deepEqual(groups, [
    { id: 0, rows: 65_536 },
    { id: 1, rows: 14_464 },
  ]);
  const columns = await rows(`SELECT path_in_schema AS name, compression, stats_min_value, stats_max_value
    FROM parquet_metadata(${book}) WHERE row_group_id = 0`);
  assert.ok(columns.every((column) => column.compression === 'ZSTD'));
  assert.ok(columns.every((column) => column.stats_min_value !== null && column.stats_max_value !== null));
});

test('what is read is what the relay would say, to the bit', async () => {
  const [bar] = await rows(
    `SELECT timestamp::DOUBLE AS at, open, high, volume, vwap, trades::DOUBLE AS trades, origin, closed, through
     FROM ${quoted('binance/BTC_USDT/bars/20250131.parquet')} ORDER BY timestamp LIMIT 1 OFFSET 7`,
  );
  const expected = { at: Date.UTC(2025, 0, 31, 0, 7), open: 101.75, high: 102.75, volume: 1.75, vwap: 100.25, trades: 7 };
  assert.deepEqual(bar, { ...expected, origin: 'kline', closed: true, through: null });
});
