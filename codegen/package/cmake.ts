import type { PackageFacts, PackageFile } from "./facts.ts";

const example = "examples/bare_metal/main.c";

/** `CMakeLists.txt` for ESP-IDF and for plain CMake, and the module of Zephyr. */
export function buildFiles(facts: PackageFacts): PackageFile[] {
  return [
    { path: "CMakeLists.txt", content: rootList(facts) },
    { path: "zephyr/module.yml", content: zephyrModule(facts) },
    { path: "zephyr/CMakeLists.txt", content: zephyrList(facts) },
    { path: "zephyr/Kconfig", content: zephyrKconfig(facts) },
  ];
}

function rootList({ name, symbol, code, sources, selftestSource, terms, usesMath }: PackageFacts): string {
  const all = [...sources, selftestSource];
  const list = (indent: string): string => all.map((path) => `\n${indent}${path}`).join("");
  const link = usesMath
    ? `
# expf and its like: a library of its own on most systems, part of the C library on others.
include(CheckLibraryExists)
check_library_exists(m expf "" ${symbol}_HAS_LIBM)
if(${symbol}_HAS_LIBM)
  target_link_libraries(${name} PUBLIC m)
endif()
`
    : "";
  return `# ${name}: a component of ESP-IDF, or a library of plain CMake (add_subdirectory, FetchContent, find_package).
if(ESP_PLATFORM)
  idf_component_register(
    SRCS${list("      ")}
    INCLUDE_DIRS src)
  target_compile_options(\${COMPONENT_LIB} PRIVATE -O2 -ffp-contract=fast)
  return()
endif()

cmake_minimum_required(VERSION 3.16)
project(${name} VERSION ${terms.version} LANGUAGES C)

add_library(${name} STATIC${list("  ")})
add_library(finch::${code.prefix} ALIAS ${name})
set_target_properties(${name} PROPERTIES
  EXPORT_NAME ${code.prefix}
  C_STANDARD 99
  C_STANDARD_REQUIRED ON)
target_include_directories(${name} PUBLIC
  $<BUILD_INTERFACE:\${CMAKE_CURRENT_SOURCE_DIR}/src>
  $<INSTALL_INTERFACE:include>)
# In C99 mode gcc fuses no multiply-add on its own.
target_compile_options(${name} PRIVATE $<$<C_COMPILER_ID:GNU,Clang,AppleClang>:-ffp-contract=fast>)
${link}
option(${symbol}_SELFTEST "Build ${name}_selftest, which compares the network with known answers" OFF)
if(${symbol}_SELFTEST)
  add_executable(${name}_selftest ${example})
  target_link_libraries(${name}_selftest PRIVATE ${name})
  enable_testing()
  add_test(NAME ${name}_selftest COMMAND ${name}_selftest)
endif()

option(${symbol}_INSTALL "Install ${name} with a CMake package" ON)
if(${symbol}_INSTALL)
  include(GNUInstallDirs)
  include(CMakePackageConfigHelpers)
  install(TARGETS ${name} EXPORT ${name}Targets ARCHIVE DESTINATION \${CMAKE_INSTALL_LIBDIR})
  install(FILES src/${code.prefix}.h DESTINATION include)
  set(${name}_package \${CMAKE_INSTALL_LIBDIR}/cmake/${name})
  # The one file that find_package looks for: it needs no other.
  install(EXPORT ${name}Targets FILE ${name}Config.cmake NAMESPACE finch:: DESTINATION \${${name}_package})
  write_basic_package_version_file(\${CMAKE_CURRENT_BINARY_DIR}/${name}ConfigVersion.cmake
    COMPATIBILITY SameMajorVersion)
  install(FILES \${CMAKE_CURRENT_BINARY_DIR}/${name}ConfigVersion.cmake DESTINATION \${${name}_package})
endif()
`;
}

function zephyrModule({ slug }: PackageFacts): string {
  return `name: ${slug}\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n`;
}

function zephyrList({ name, symbol, sources, selftestSource }: PackageFacts): string {
  return `if(CONFIG_${symbol})
  zephyr_library_named(${name})
  zephyr_include_directories(../src)
  zephyr_library_sources(${sources.map((path) => `../${path}`).join(" ")})
  zephyr_library_sources_ifdef(CONFIG_${symbol}_SELFTEST ../${selftestSource})
  zephyr_library_compile_options(-O2 -ffp-contract=fast)
endif()
`;
}

function zephyrKconfig({ symbol, sentence, code, usesMath }: PackageFacts): string {
  const library = usesMath ? "\n\tselect REQUIRES_FULL_LIBC" : "";
  return `config ${symbol}
	bool "${code.prefix}: a classifier in C"${library}
	help
	  ${sentence}.

config ${symbol}_SELFTEST
	bool "Self-test of ${code.prefix}"
	depends on ${symbol}
	help
	  Adds ${code.prefix}_selftest, which compares the network with known answers.
`;
}
