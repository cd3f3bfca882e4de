# The byte clients' library, for the client programs here and for those of bench/.
include_guard(GLOBAL)

set(folder ${CMAKE_CURRENT_LIST_DIR})
add_library(weir_byte_clients STATIC ${folder}/batch_bytes.cc ${folder}/connection.cc ${folder}/requests.cc
                                     ${folder}/wire_writer.cc)
target_include_directories(weir_byte_clients PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(weir_byte_clients PUBLIC weir_model weir_base PRIVATE ZLIB::ZLIB PkgConfig::ZSTD PkgConfig::LZ4
                                                                           weir_dep_snappy)
