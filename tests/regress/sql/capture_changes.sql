-- A change of a field is a change of its image, whatever the type takes for equal.
\getenv inputdir PG_ABS_SRCDIR
\set fresh :inputdir '/include/fresh.sql'
\i :fresh

CREATE TYPE public.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN public.label AS text;
CREATE COLLATION public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE public.images (
    plain text, short varchar(9), exact text COLLATE "C", loose text COLLATE any_case, padded char(4), n numeric, f float8,
    i int, b bool, u uuid, m mood, z timestamptz, tz timetz, span interval, l label, doc json, docb jsonb, list int[]
);
SELECT webhooks.create_event('image:' || attname, 'table.recordUpdate', 'images', ARRAY[attname::text])
FROM pg_attribute WHERE attrelid = 'images'::regclass AND attnum > 0 ORDER BY attnum \g /dev/null
SELECT webhooks.create_event('image:all', 'table.recordUpdate', 'images', array_agg(attname::text ORDER BY attnum))
FROM pg_attribute WHERE attrelid = 'images'::regclass AND attnum > 0 \g /dev/null
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'images'::regclass ORDER BY oid DESC LIMIT 1;
CREATE FUNCTION pg_temp.raised(assignments text) RETURNS TABLE (event text, changed text[]) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM webhooks.message;
    EXECUTE 'UPDATE images SET ' || assignments;
    RETURN QUERY SELECT log.event, log.changed FROM pg_temp.log ORDER BY log.event;
END $$;
INSERT INTO images DEFAULT VALUES;
SELECT * FROM pg_temp.raised('plain = NULL, n = NULL, doc = NULL');
SELECT * FROM pg_temp.raised($$plain = 'a', short = 'a', exact = 'a', loose = 'a', padded = 'a', n = 1.0, f = 0, i = 1, b = true,
    u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', m = 'sad', z = '2026-01-01', tz = '10:00+00', span = '1 month', l = 'a', doc = '1',
    docb = '1', list = '{1}'$$);
-- The same again, in other words
SELECT * FROM pg_temp.raised($$plain = 'a', padded = 'a  ', n = 1.0, i = 1, u = 'A0EEBC999C0B4EF8BB6D6BB9BD380A11', m = 'sad',
    z = '2026-01-01', doc = '1', list = '{1}'$$);
-- Equal, but not the same
SELECT * FROM pg_temp.raised($$loose = 'A', n = 1.00, f = '-0', tz = '11:00+01', span = '30 days', doc = '1 ', docb = '1.0',
    list = '[0:0]={1}'$$);
SELECT * FROM pg_temp.raised($$plain = 'A', short = NULL, exact = 'A', padded = 'A', i = NULL, b = false, u = NULL, m = 'happy',
    z = NULL, l = 'A'$$);
-- Somebody's own = in the way
CREATE FUNCTION public.same(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = same);
SELECT FROM webhooks.create_event('image:own', 'table.recordUpdate', 'images', '{short}');
SELECT * FROM pg_temp.raised($$short = 'b'$$);
DROP OPERATOR public.= (varchar, varchar);
DROP TABLE images;
DROP TYPE mood;
DROP DOMAIN label;
DROP COLLATION any_case;
DROP FUNCTION same;
