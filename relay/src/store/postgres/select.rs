//! Reading: ranges of one or all venues, holes, coverage, days.

use deadpool_postgres::{GenericClient, Object};
use futures_util::TryStreamExt;
use shared::event::{Bar, BookTop, Event, Funding, Liquidation, OpenInterest, Trade};
use shared::market::{Ms, Symbol, Timeframe, VenueId};
use tokio_postgres::IsolationLevel;
use tokio_postgres::types::ToSql;

use super::columns::{Reader, Unreadable};
use super::schema::TABLES;
use crate::store::row::{BadValue, Source, Stored, needed};
use crate::store::rows::{GAP_COLUMNS, read_gap};
use crate::store::{Dataset, GapRow, HotDay, Mark, Query};

/// Rows of a query, ascending by (timestamp, venue).
pub(super) async fn read(client: &impl GenericClient, query: &Query) -> Result<Vec<Event>, Unreadable> {
    match query.dataset {
        Dataset::Bars(_) => rows::<Bar>(client, query).await,
        Dataset::Oi => rows::<OpenInterest>(client, query).await,
        Dataset::Funding => rows::<Funding>(client, query).await,
        Dataset::Liquidations => rows::<Liquidation>(client, query).await,
        Dataset::Book => rows::<BookTop>(client, query).await,
        Dataset::Trades => rows::<Trade>(client, query).await,
    }
}

/// The rows of one venue in key order.
///
/// Parameters: symbol, from, to, limit, venue (where `venue` says so), and for bars the interval, last.
fn select_sql<T: Stored>(venue: &str, interval: Option<usize>, newest: bool) -> String {
    let direction = if newest { " DESC" } else { "" };
    let order: Vec<String> = order::<T>().map(|key| format!("{key}{direction}")).collect();
    let interval = interval.map(|n| format!("AND interval=${n}")).unwrap_or_default();
    let own: Vec<&str> = T::COLUMNS.iter().map(|column| column.name).collect();
    format!(
        "SELECT venue,timestamp,received,{} FROM {} WHERE symbol=$1 AND venue={venue} {interval} \
         AND timestamp>=$2 AND timestamp<$3 ORDER BY {} LIMIT $4",
        own.join(","),
        T::TABLE,
        order.join(","),
    )
}

/// The rows of every venue with rows of the symbol: a seek in the key for each, joined and cut to the limit.
fn select_all_sql<T: Stored>(interval: Option<usize>, newest: bool) -> String {
    let direction = if newest { " DESC" } else { "" };
    let mut keys = order::<T>();
    let first = keys.next().unwrap_or("timestamp");
    let order: Vec<String> =
        [first, "venue"].into_iter().chain(keys).map(|key| format!("rows.{key}{direction}")).collect();
    format!(
        "WITH RECURSIVE venues AS (
             SELECT min(venue) AS venue FROM {table} WHERE symbol=$1
             UNION ALL
             SELECT (SELECT min(venue) FROM {table} WHERE symbol=$1 AND venue>venues.venue)
             FROM venues WHERE venues.venue IS NOT NULL
         )
         SELECT rows.* FROM venues CROSS JOIN LATERAL ({of_venue}) rows
         WHERE venues.venue IS NOT NULL ORDER BY {} LIMIT $4",
        order.join(","),
        table = T::TABLE,
        of_venue = select_sql::<T>("venues.venue", interval, newest),
    )
}

/// Key columns that rows of one venue and interval are ordered by.
fn order<T: Stored>() -> impl Iterator<Item = &'static str> {
    T::KEY.iter().copied().filter(|key| *key != "interval")
}

async fn rows<T: Stored>(client: &impl GenericClient, query: &Query) -> Result<Vec<Event>, Unreadable> {
    let (symbol, limit) = (query.symbol.as_str(), i64::try_from(query.limit).unwrap_or(i64::MAX));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&symbol, &query.from.0, &query.to.0, &limit];
    let venue = query.venue.as_ref().map(VenueId::as_str);
    values.extend(venue.as_ref().map(|venue| venue as &(dyn ToSql + Sync)));
    let interval = if let Dataset::Bars(tf) = query.dataset { Some(tf.name()) } else { None };
    values.extend(interval.as_ref().map(|name| name as &(dyn ToSql + Sync)));
    let place = interval.map(|_| values.len());
    let sql = match venue {
        Some(_) => select_sql::<T>("$5", place, query.newest),
        None => select_all_sql::<T>(place, query.newest),
    };
    let statement = client.prepare_cached(&sql).await?;
    // Row by row: a year of minutes is never held twice.
    let mut found = std::pin::pin!(client.query_raw(&statement, values.iter().copied()).await?);
    let mut events = Vec::new();
    while let Some(row) = found.try_next().await? {
        let mut reader = Reader::new(&row);
        let venue = match &query.venue {
            Some(venue) => {
                reader.text()?;
                venue.clone()
            }
            None => VenueId::new(&needed(reader.text()?)?),
        };
        let timestamp = Ms(needed(reader.int()?)?);
        let received = Ms(needed(reader.int()?)?);
        let body = T::read(timestamp, &mut reader)?.into_body();
        events.push(Event { received, symbol: query.symbol.clone(), venue, body });
    }
    if query.newest {
        events.reverse();
    }
    Ok(events)
}

pub(super) async fn gaps(
    client: &impl GenericClient,
    symbol: Option<&Symbol>,
    from: Ms,
    to: Ms,
) -> Result<Vec<GapRow>, Unreadable> {
    let sql = format!(
        "SELECT symbol,venue,{GAP_COLUMNS} FROM gaps
         WHERE ($3::text IS NULL OR symbol=$3) AND from_ms<$2 AND (to_ms IS NULL OR to_ms>$1)
         ORDER BY from_ms,symbol,venue,channel"
    );
    let statement = client.prepare_cached(&sql).await?;
    let found = client.query(&statement, &[&from.0, &to.0, &symbol.map(Symbol::as_str)]).await?;
    let read = |row| {
        let mut reader = Reader::new(row);
        let name = needed(reader.text()?)?.into_owned();
        let symbol = name.parse().map_err(|_| BadValue::Unknown(name))?;
        let venue = VenueId::new(&needed(reader.text()?)?);
        Ok(GapRow { symbol, venue, gap: read_gap(&mut reader)? })
    };
    found.iter().map(read).collect()
}

pub(super) async fn coverage(
    client: &impl GenericClient,
    dataset: Dataset,
    symbol: &Symbol,
    venue: &VenueId,
) -> Result<Vec<(Ms, Ms)>, Unreadable> {
    let sql =
        "SELECT from_ms,to_ms FROM coverage WHERE symbol=$1 AND venue=$2 AND dataset=$3 ORDER BY from_ms";
    let statement = client.prepare_cached(sql).await?;
    let key: [&(dyn ToSql + Sync); 3] = [&symbol.as_str(), &venue.as_str(), &dataset.name()];
    let found = client.query(&statement, &key).await?;
    found.iter().map(|row| Ok((Ms(row.try_get(0)?), Ms(row.try_get(1)?)))).collect()
}

pub(super) async fn newest(
    client: &impl GenericClient,
    dataset: Dataset,
    symbol: &Symbol,
    venue: &VenueId,
) -> Result<Option<Ms>, Unreadable> {
    let (interval, filter) = match dataset {
        Dataset::Bars(tf) => (Some(tf.name()), "AND interval=$3"),
        Dataset::Oi | Dataset::Funding | Dataset::Liquidations | Dataset::Book | Dataset::Trades => {
            (None, "AND $3::text IS NULL")
        }
    };
    let sql = format!(
        "SELECT timestamp FROM {} WHERE symbol=$1 AND venue=$2 {filter} ORDER BY timestamp DESC LIMIT 1",
        dataset.table()
    );
    let statement = client.prepare_cached(&sql).await?;
    let found = client.query_opt(&statement, &[&symbol.as_str(), &venue.as_str(), &interval]).await?;
    Ok(found.map(|row| row.try_get(0)).transpose()?.map(Ms))
}

/// Rows and the mark of one view.
pub(super) async fn snapshot(client: &mut Object, query: &Query) -> Result<(Vec<Event>, Mark), Unreadable> {
    let view = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let view = view.read_only(true).start().await?;
    let mark = view.query_one("SELECT batch FROM tapedeck", &[]).await?.try_get(0)?;
    let rows = read(&view, query).await?;
    view.commit().await?;
    Ok((rows, Mark(mark)))
}

/// Deletes rows of a range that were not written after the mark; answers how many.
pub(super) async fn forget(
    client: &impl GenericClient,
    dataset: Dataset,
    symbol: &Symbol,
    venue: &VenueId,
    (from, to): (Ms, Ms),
    mark: Mark,
) -> Result<u64, Unreadable> {
    let sql = format!(
        "DELETE FROM {} WHERE symbol=$1 AND venue=$2 {} AND timestamp>=$3 AND timestamp<$4 AND batch<=$5",
        dataset.table(),
        dataset.sealable()
    );
    let statement = client.prepare_cached(&sql).await?;
    let values: [&(dyn ToSql + Sync); 5] = [&symbol.as_str(), &venue.as_str(), &from.0, &to.0, &mark.0];
    Ok(client.execute(&statement, &values).await?)
}

/// Bytes of the tables with their indexes.
pub(super) async fn size(client: &impl GenericClient) -> Result<u64, Unreadable> {
    let sql = "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))),0)::bigint
               FROM unnest($1::text[]) AS name";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_one(&statement, &[&TABLES.as_slice()]).await?;
    Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
}

/// Days with rows that may be sealed, ascending by day.
pub(super) async fn days(client: &impl GenericClient, before: Ms) -> Result<Vec<HotDay>, Unreadable> {
    let datasets = [
        Dataset::Bars(Timeframe::M1),
        Dataset::Oi,
        Dataset::Funding,
        Dataset::Liquidations,
        Dataset::Book,
        Dataset::Trades,
    ];
    let mut days = Vec::new();
    for dataset in datasets {
        let sql = format!(
            "SELECT symbol,venue,floor(timestamp/86400000.0)::bigint*86400000 AS day,count(*) FROM {}
             WHERE timestamp<$1 {} GROUP BY 1,2,3 ORDER BY 1,2,3",
            dataset.table(),
            dataset.sealable()
        );
        let statement = client.prepare_cached(&sql).await?;
        for row in client.query(&statement, &[&before.0]).await? {
            let mut reader = Reader::new(&row);
            // What no symbol can be was not written by tapedeck; it stays where it is.
            let Ok(symbol) = needed(reader.text()?)?.parse() else { continue };
            let venue = VenueId::new(&needed(reader.text()?)?);
            let day = Ms(needed(reader.int()?)?);
            let rows = needed(reader.int()?)?.unsigned_abs();
            days.push(HotDay { dataset, symbol, venue, day, rows });
        }
    }
    days.sort_by_key(|day| day.day);
    Ok(days)
}
