# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""The functions that a migration may call and harm nobody: what is not named here can do anything, as far as the mode advisor knows.

STABLE is what PostgreSQL 17 prints for this (tests/postgres/test_tables.py asks it): its own functions, for people, that by
its word change nothing; without those that go through tables of which only their text knows.

    SELECT string_agg(proname, ' ' ORDER BY proname COLLATE "C") FROM (
        SELECT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname
        HAVING bool_and(provolatile <> 'v') AND proname !~ '_to_xml|_validator$|^pg_(event_trigger|stat_get)_' AND bool_or(
            NOT (proargtypes::oid[] || prorettype) && '{cstring,internal,trigger}'::regtype[]::oid[]
            AND obj_description(oid, 'pg_proc') !~
                '^([(]?internal|I/O|implementation of|aggregate \w+ function|deprecated|hash|less-equal-greater|larger of|smaller of)')
    ) AS harmless
"""

from __future__ import annotations

# Functions that change nothing, and that in a default are computed once for all rows.
STABLE = frozenset("""
    abbrev abs aclcontains acldefault aclexplode aclinsert aclremove acos acosd acosh age any_value area array_agg array_append
    array_dims array_fill array_length array_lower array_ndims array_position array_positions array_prepend array_remove array_replace
    array_to_json array_to_string array_to_tsvector array_upper ascii asin asind asinh atan atan2 atan2d atand atanh avg bit bit_and
    bit_count bit_length bit_or bit_xor bool bool_and bool_or bound_box box bpchar broadcast btequalimage btrim btvarstrequalimage
    cardinality cash_words cbrt ceil ceiling center char char_length character_length chr cidr circle col_description concat concat_ws
    convert convert_from convert_to corr cos cosd cosh cot cotd count covar_pop covar_samp cume_dist current_database current_schema
    current_schemas current_setting current_user date date_add date_bin date_part date_subtract date_trunc datemultirange daterange
    daterange_canonical daterange_subdiff decode degrees dense_rank dexp diagonal diameter div dlog1 dlog10 dround dtrunc encode
    enum_first enum_last enum_range erf erfc every exp extract factorial family first_value float4 float8 floor format format_type gcd
    generate_series generate_subscripts get_bit get_byte get_current_ts_config getdatabaseencoding gin_cmp_tslexeme gin_compare_jsonb
    has_any_column_privilege has_column_privilege has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege
    has_language_privilege has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege has_table_privilege
    has_tablespace_privilege has_type_privilege height host hostmask icu_unicode_version in_range inet_client_addr inet_client_port
    inet_merge inet_same_family inet_server_addr inet_server_port initcap int2 int4 int4inc int4multirange int4range int4range_canonical
    int4range_subdiff int8 int8dec int8dec_any int8inc int8inc_any int8multirange int8range int8range_canonical int8range_subdiff
    interval is_normalized isclosed isempty isfinite ishorizontal isopen isparallel isperp isvertical json_agg json_agg_strict
    json_array_elements json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text
    json_extract_path json_extract_path_text json_object json_object_agg json_object_agg_strict json_object_agg_unique
    json_object_agg_unique_strict json_object_keys json_populate_record json_populate_recordset json_strip_nulls json_to_record
    json_to_recordset json_to_tsvector json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements jsonb_array_elements_text
    jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text
    jsonb_insert jsonb_object jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique jsonb_object_agg_unique_strict
    jsonb_object_keys jsonb_path_exists jsonb_path_exists_tz jsonb_path_match jsonb_path_match_tz jsonb_path_query
    jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first jsonb_path_query_first_tz jsonb_path_query_tz
    jsonb_populate_record jsonb_populate_record_valid jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls
    jsonb_to_record jsonb_to_recordset jsonb_to_tsvector jsonb_typeof justify_days justify_hours justify_interval lag last_value lcm
    lead left length like like_escape line ln log log10 lower lower_inc lower_inf lpad lseg ltrim macaddr macaddr8 macaddr8_set7bit
    make_date make_interval make_time make_timestamp make_timestamptz makeaclitem masklen max md5 min min_scale mod mode money
    multirange multirange_intersect_agg_transfn mxid_age name nameconcatoid netmask network normalize notlike now npoints nth_value
    ntile num_nonnulls num_nulls numeric numeric_div_trunc numeric_exp numeric_inc numeric_ln numeric_log numeric_sqrt nummultirange
    numnode numrange numrange_subdiff obj_description octet_length oid oidvectortypes overlaps overlay parse_ident path pclose
    percent_rank percentile_cont percentile_disc pg_available_extension_versions pg_available_extensions pg_backend_pid pg_basetype
    pg_char_to_encoding pg_client_encoding pg_collation_for pg_collation_is_visible pg_column_compression pg_column_is_updatable
    pg_column_size pg_column_toast_chunk_id pg_conf_load_time pg_config pg_conversion_is_visible pg_current_snapshot pg_current_xact_id
    pg_current_xact_id_if_assigned pg_cursor pg_describe_object pg_encoding_max_length pg_encoding_to_char pg_extension_update_paths
    pg_filenode_relation pg_function_is_visible pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr pg_get_function_arg_default
    pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody pg_get_functiondef
    pg_get_indexdef pg_get_keywords pg_get_object_address pg_get_partition_constraintdef pg_get_partkeydef pg_get_publication_tables
    pg_get_replica_identity_index pg_get_replication_slots pg_get_ruledef pg_get_serial_sequence pg_get_statisticsobjdef
    pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role
    pg_identify_object pg_identify_object_as_address pg_index_column_has_property pg_index_has_property pg_indexam_has_property
    pg_indexam_progress_phasename pg_input_error_info pg_input_is_valid pg_is_other_temp_schema pg_listening_channels pg_lsn
    pg_mcv_list_items pg_my_temp_schema pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table
    pg_partition_root pg_postmaster_start_time pg_prepared_statement pg_relation_filenode pg_relation_filepath
    pg_relation_is_publishable pg_relation_is_updatable pg_replication_origin_oid pg_sequence_parameters pg_settings_get_flags
    pg_show_all_settings pg_size_bytes pg_size_pretty pg_snapshot_xip pg_snapshot_xmax pg_snapshot_xmin pg_split_walfile_name
    pg_statistics_obj_is_visible pg_table_is_visible pg_tablespace_databases pg_tablespace_location pg_timezone_abbrevs
    pg_timezone_names pg_trigger_depth pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible
    pg_type_is_visible pg_typeof pg_visible_in_snapshot pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset phraseto_tsquery pi
    plainto_tsquery point polygon popen position pow power querytree quote_ident quote_literal quote_nullable radians radius range_agg
    range_intersect_agg range_intersect_agg_transfn range_merge rank regclass regexp_count regexp_instr regexp_like regexp_match
    regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count
    regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy repeat replace reverse right round row_number row_security_active
    row_to_json rpad rtrim scale session_user set_bit set_byte set_masklen setweight sha224 sha256 sha384 sha512 shobj_description sign
    similar_escape similar_to_escape sin sind sinh slope spg_poly_quad_compress split_part sqrt statement_timestamp stddev stddev_pop
    stddev_samp string_agg string_to_array string_to_table strip strpos substr substring sum system_user tan tand tanh text textlen time
    timestamp timestamptz timetz timezone to_ascii to_bin to_char to_date to_hex to_json to_jsonb to_number to_oct to_regclass
    to_regcollation to_regnamespace to_regoper to_regoperator to_regproc to_regprocedure to_regrole to_regtype to_regtypemod
    to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim_array trim_scale trunc ts_debug ts_delete ts_filter
    ts_headline ts_lexize ts_parse ts_rank ts_rank_cd ts_token_type tsmultirange tsquery_phrase tsrange tsrange_subdiff tstzmultirange
    tstzrange tstzrange_subdiff tsvector_to_array txid_current txid_current_if_assigned txid_current_snapshot txid_snapshot_xip
    txid_snapshot_xmax txid_snapshot_xmin txid_visible_in_snapshot unicode_assigned unicode_version unistr unnest upper upper_inc
    upper_inf uuid_extract_timestamp uuid_extract_version var_pop var_samp varbit varchar variance version websearch_to_tsquery width
    width_bucket xid xml xml_is_well_formed xml_is_well_formed_content xml_is_well_formed_document xmlagg xmlcomment xmlexists xmltext
    xmlvalidate xpath xpath_exists
""".split())
# Those that differ from call to call, count on, wait for who asks for the same lock, are there as operators as well (a PHP driver takes
# a "?" for a parameter of its own), are a cast to a type, or those of triggers that change the row at hand only.
HARMLESS = STABLE.union("""
    clock_timestamp timeofday random random_normal gen_random_uuid uuidv4 uuidv7 array_sample array_shuffle nextval currval lastval
    pg_notify pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_advisory_unlock
    pg_advisory_unlock_shared pg_advisory_unlock_all
    pg_relation_size pg_table_size pg_indexes_size pg_total_relation_size pg_database_size array_cat starts_with
    jsonb_exists jsonb_exists_any jsonb_exists_all jsonb_contains jsonb_contained jsonb_concat jsonb_delete jsonb_delete_path
    arraycontains arraycontained arrayoverlap inet
    tsvector_update_trigger tsvector_update_trigger_column suppress_redundant_updates_trigger
""".split())
# Those of well-known extensions, which are in whatever schema the extension was put into; without names that an application's own
# may have as well, such as delete() of hstore.
OF_EXTENSIONS = frozenset("""
    uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5 uuid_nil uuid_ns_dns uuid_ns_url uuid_ns_oid
    uuid_ns_x500 gen_random_bytes gen_salt crypt digest hmac pgp_sym_encrypt pgp_sym_decrypt unaccent similarity word_similarity
    strict_word_similarity show_trgm levenshtein soundex metaphone citext hstore hstore_to_json hstore_to_jsonb akeys avals skeys svals
    nlevel subpath text2ltree ltree2text st_point st_makepoint st_setsrid st_srid st_transform st_x st_y st_geomfromtext
    st_geogfromtext st_geomfromgeojson st_geomfromwkb st_geomfromewkb st_geogfromwkb st_asgeojson st_astext st_centroid st_buffer
    st_multi st_collect st_union st_area st_length st_isvalid st_makevalid st_force2d st_simplify st_distance st_dwithin st_intersects
    st_contains st_within
""".split())


def is_harmless(name):
    """Whether nobody minds a call of a function, by its name as a statement has it."""
    return name in HARMLESS or name.rpartition(".")[2] in OF_EXTENSIONS


def unknown(functions):
    """The reason against functions that can do anything, by their names."""
    if functions:
        yield "unknown", "the function %s" % ", ".join(sorted(functions)), None
